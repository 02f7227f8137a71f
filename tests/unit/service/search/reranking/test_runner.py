"""Deadlines and bounds around model code. Events stand in for time, so nothing here measures it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest

from rerank.cancellation import Cancellation, current_cancellation
from rerank.degraded import Degraded
from rerank.errors import PromptError
from rerank.strategies.strategy import RerankOutcome
from service.search.reranking.runner import RerankRunner
from tests.fakes import reverse

OUTCOME = RerankOutcome(ranking=reverse(3), caption=None, engine="fake", strategy="listwise", prompt="rank-panel@1")
SOON_MS = 20
NEVER_MS = 60_000


def answer(deadline: float) -> RerankOutcome:
    return OUTCOME


def test_an_answer_in_time_is_handed_back() -> None:
    assert RerankRunner(1).run(answer, NEVER_MS).outcome is OUTCOME


def test_a_call_past_its_deadline_keeps_its_slot_until_it_ends() -> None:
    runner, let_go, ended = RerankRunner(1), threading.Event(), threading.Event()

    def stuck(deadline: float) -> RerankOutcome:
        let_go.wait(30)
        ended.set()
        return OUTCOME

    assert runner.run(stuck, SOON_MS).degraded is Degraded.TIMEOUT
    assert runner.run(answer, SOON_MS).degraded is Degraded.OVERLOADED
    let_go.set()
    assert ended.wait(30)
    assert runner.run(answer, NEVER_MS).outcome is OUTCOME


@pytest.mark.parametrize("error", [RuntimeError("no memory"), MemoryError(), KeyError("weights")])
def test_whatever_a_model_raises_becomes_a_reason(error: Exception) -> None:
    def broken(deadline: float) -> RerankOutcome:
        raise error

    runner = RerankRunner(1)
    for _ in range(3):  # the slot comes back each time
        assert runner.run(broken, NEVER_MS).degraded is Degraded.ERROR


def test_the_callers_own_mistakes_go_through() -> None:
    def wrong_prompt(deadline: float) -> RerankOutcome:
        raise PromptError("no such prompt")

    with pytest.raises(PromptError):
        RerankRunner(1).run(wrong_prompt, NEVER_MS)


def test_who_waits_is_answered_at_once_when_the_service_is_about_to_end() -> None:
    runner, begun, let_go = RerankRunner(1), threading.Event(), threading.Event()

    def stuck(deadline: float) -> RerankOutcome:
        begun.set()
        let_go.wait(30)
        return OUTCOME

    with ThreadPoolExecutor(2) as pool:
        at_work, in_line = (pool.submit(runner.run, stuck, NEVER_MS) for _ in range(2))
        assert begun.wait(30)
        while not runner.waiting:
            assert not in_line.done()
        runner.stop()
        assert {at_work.result(30).degraded, in_line.result(30).degraded} == {Degraded.TIMEOUT, Degraded.OVERLOADED}
        assert runner.run(answer, NEVER_MS).degraded is Degraded.OVERLOADED
        let_go.set()


def test_who_leaves_the_line_makes_room_and_is_never_run() -> None:
    runner, let_go, cancellation = RerankRunner(1), threading.Event(), Cancellation()
    context = copy_context()
    context.run(current_cancellation.set, cancellation)
    ran: list[str] = []

    def noted(name: str) -> Callable[[float], RerankOutcome]:
        def call(deadline: float) -> RerankOutcome:
            ran.append(name)
            let_go.wait(30)
            return OUTCOME

        return call

    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(runner.run, noted("first"), NEVER_MS)
        while not ran:
            assert not first.done()
        leaves = pool.submit(context.run, runner.run, noted("leaves"), NEVER_MS)
        while runner.waiting < 1:
            assert not leaves.done()
        stays = pool.submit(runner.run, noted("stays"), NEVER_MS)
        while runner.waiting < 2:
            assert not stays.done()
        cancellation.cancel()
        assert leaves.result(30).outcome is None and runner.waiting == 1
        let_go.set()
        assert first.result(30).outcome is stays.result(30).outcome is OUTCOME
    assert ran == ["first", "stays"]
