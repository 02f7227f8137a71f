"""Callers that have gone: who waits is woken, who works is told between two steps."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import pytest

from rerank.cancellation import Cancellation, Cancelled, check_cancelled, current_cancellation, on_cancel, sleep
from rerank.deadline import check_deadline
from rerank.engines.turn import Turns
from rerank.errors import EngineTimeout


def under(cancellation: Cancellation, work: Callable[..., Any], *args: object) -> Any:
    """Work for a caller that may go."""
    context = copy_context()
    context.run(current_cancellation.set, cancellation)
    return context.run(work, *args)


def test_work_is_told_between_two_steps() -> None:
    cancellation = Cancellation()
    under(cancellation, check_cancelled)
    under(cancellation, check_deadline, None)
    cancellation.cancel()
    with pytest.raises(Cancelled):
        under(cancellation, check_cancelled)
    with pytest.raises(EngineTimeout):
        under(cancellation, check_deadline, None)
    check_cancelled()  # nobody else is meant


def test_who_waits_is_woken_once_and_only_while_it_waits() -> None:
    cancellation, woken = Cancellation(), list[str]()

    def waits(name: str) -> None:
        with on_cancel(lambda: woken.append(name)):
            pass

    under(cancellation, waits, "before")
    with cancellation.waking(lambda: woken.append("while")):
        cancellation.cancel()
        cancellation.cancel()
    under(cancellation, waits, "after")
    assert woken == ["while", "after"]


def test_a_sleep_ends_when_the_caller_goes() -> None:
    cancellation = Cancellation()
    with ThreadPoolExecutor(1) as pool:
        asleep: Future[None] = pool.submit(under, cancellation, sleep, 600)
        cancellation.cancel()
        with pytest.raises(Cancelled):
            asleep.result(30)


def test_who_waits_for_the_model_leaves_the_queue() -> None:
    turns, cancellation, waiting = Turns(), Cancellation(), threading.Event()

    def take() -> None:
        waiting.set()
        with turns.take(None):
            raise AssertionError("it was nobody's turn")

    with ThreadPoolExecutor(1) as pool, turns.take(None):
        queued: Future[None] = pool.submit(under, cancellation, take)
        assert waiting.wait(30)
        cancellation.cancel()
        with pytest.raises(EngineTimeout):
            queued.result(30)
    with turns.take(0.0):  # the model is free for others
        pass
