"""Micro-batching: who is encoded with whom, and who gets which error."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rerank.cancellation import Cancellation, Cancelled, current_cancellation
from rerank.query import Query
from service.build import with_batching
from service.encoders.batching import BatchingEncoder
from service.encoders.encoder import Embeddings
from service.errors import Overloaded
from service.settings import Settings
from tests.fakes import FakeEncoder

POISON = "poison"
FOREVER_MS = 600_000.0


class Gate(FakeEncoder):
    """Encodes when the gate is open, notes each batch, and chokes on poison."""

    def __init__(self) -> None:
        super().__init__()
        self.open = threading.Event()
        self.entered = threading.Semaphore(0)
        self.batches: list[list[str]] = []

    def encode(self, queries: Sequence[Query]) -> Embeddings:
        texts = [query.text or "" for query in queries]
        self.batches.append(texts)
        self.entered.release()
        assert self.open.wait(30)
        if POISON in texts:
            raise ValueError(f"choked on one of {len(texts)}")
        return super().encode(queries)


@pytest.fixture
def gate() -> Iterator[Gate]:
    """An encoder that waits until it is opened; opened at the end, whatever happens."""
    encoder = Gate()
    yield encoder
    encoder.open.set()


@contextmanager
def batching(encoder: Any, **options: Any) -> Iterator[BatchingEncoder]:
    wrapped = BatchingEncoder(encoder, **options)
    try:
        yield wrapped
    finally:
        if isinstance(encoder, Gate):
            encoder.open.set()
        wrapped.close()


def queries(*texts: str) -> list[Query]:
    return [Query(text) for text in texts]


def busy(encoder: BatchingEncoder, gate: Gate) -> Future[Embeddings]:
    """Send one call through to the gate, so that what follows has to gather behind it."""
    first = encoder.submit(queries("first"))
    assert gate.entered.acquire(timeout=30)
    return first


def test_calls_that_gather_go_together_and_each_gets_its_own(gate: Gate) -> None:
    with batching(gate, max_batch=8, max_wait_ms=0) as encoder:
        busy(encoder, gate)
        calls = [queries("a"), queries("b", "x" * 200), queries("c")]
        futures = [encoder.submit(call) for call in calls]
        gate.open.set()
        found = [future.result(30) for future in futures]
    assert gate.batches == [["first"], ["a", "b", "x" * 200, "c"]]
    for call, result in zip(calls, found, strict=True):
        assert np.array_equal(result.vectors, FakeEncoder().encode(call).vectors)
    assert [result.truncated.tolist() for result in found] == [[False], [False, True], [False]]


def test_a_batch_is_no_larger_than_allowed_and_calls_stay_whole_and_in_order(gate: Gate) -> None:
    with batching(gate, max_batch=3, max_wait_ms=0) as encoder:
        busy(encoder, gate)
        for call in (("a",), ("b", "c"), ("d", "e"), ("f", "g", "h", "i"), ("j",)):
            encoder.submit(queries(*call))
        gate.open.set()
    assert gate.batches[1:] == [["a", "b", "c"], ["d", "e"], ["f", "g", "h", "i"], ["j"]]


def test_an_idle_encoder_waits_for_company_until_the_batch_is_full(gate: Gate) -> None:
    gate.open.set()
    with batching(gate, max_batch=3, max_wait_ms=FOREVER_MS) as encoder:
        futures = [encoder.submit(queries(text)) for text in "abc"]
        wait(futures, 30)
    assert gate.batches == [["a", "b", "c"]]


def test_a_lonely_call_waits_no_longer_than_allowed(gate: Gate) -> None:
    gate.open.set()
    with batching(gate, max_batch=100, max_wait_ms=5) as encoder:
        assert encoder.encode(queries("a")).vectors.shape == (1, 8)


def test_a_call_after_one_that_was_alone_does_not_wait(gate: Gate) -> None:
    gate.open.set()
    with batching(gate, max_batch=2, max_wait_ms=FOREVER_MS) as encoder:
        encoder.submit(queries("a", "b")).result(30)
        encoder.submit(queries("c")).result(30)
        encoder.submit(queries("d")).result(30)
    assert gate.batches == [["a", "b"], ["c"], ["d"]]


def test_calls_that_came_during_a_batch_bring_back_the_wait(gate: Gate) -> None:
    with batching(gate, max_batch=2, max_wait_ms=FOREVER_MS) as encoder:
        alone = encoder.submit(queries("a", "b"))
        assert gate.entered.acquire(timeout=30)
        second = encoder.submit(queries("c"))
        gate.open.set()
        alone.result(30)
        third = encoder.submit(queries("d"))
        wait([second, third], 30)
    assert gate.batches == [["a", "b"], ["c", "d"]]


def test_poison_reaches_its_caller_and_nobody_else(gate: Gate) -> None:
    with batching(gate, max_batch=8, max_wait_ms=0) as encoder:
        busy(encoder, gate)
        well = [encoder.submit(queries(text)) for text in ("a", "b")]
        ill = encoder.submit(queries("c", POISON))
        after = encoder.submit(queries("d"))
        gate.open.set()
        for future in (*well, after):
            assert future.result(30).vectors.shape == (1, 8)
        with pytest.raises(ValueError, match="one of 2"):
            ill.result(30)
        assert encoder.encode(queries("later")).vectors.shape == (1, 8)  # the thread lives on


def test_a_call_cancelled_before_its_turn_is_not_encoded(gate: Gate) -> None:
    with batching(gate, max_wait_ms=0) as encoder:
        first = busy(encoder, gate)
        gone, stays = encoder.submit(queries("gone")), encoder.submit(queries("stays"))
        assert gone.cancel()
        assert not first.cancel()  # already in the model
        gate.open.set()
        stays.result(30)
        with pytest.raises(CancelledError):
            gone.result(30)
    assert gate.batches == [["first"], ["stays"]]


def test_a_caller_that_goes_leaves_the_queue(gate: Gate) -> None:
    cancellation = Cancellation()
    context = copy_context()
    context.run(current_cancellation.set, cancellation)
    with batching(gate, max_wait_ms=0) as encoder, ThreadPoolExecutor(1) as pool:
        encoder.submit([Query("first")])
        assert gate.entered.acquire(timeout=30)
        goes = pool.submit(context.run, encoder.encode, [Query("goes")])
        while not encoder.waiting:
            assert not goes.done()
        cancellation.cancel()
        with pytest.raises(Cancelled):
            goes.result(30)
        gate.open.set()
        encoder.encode([Query("last")])
    assert gate.batches == [["first"], ["last"]]


def test_only_cancelled_calls_cost_no_batch_and_do_not_end_the_thread(gate: Gate) -> None:
    with batching(gate, max_wait_ms=0) as encoder:
        busy(encoder, gate)
        for text in "ab":
            encoder.submit(queries(text)).cancel()
        gate.open.set()
        assert encoder.encode(queries("c")).vectors.shape == (1, 8)
    assert gate.batches == [["first"], ["c"]]


def test_a_full_queue_refuses_and_room_is_made_by_those_who_left(gate: Gate) -> None:
    with batching(gate, max_wait_ms=0, queue=2, retry_after_s=7) as encoder:
        busy(encoder, gate)
        left, _ = encoder.submit(queries("a")), encoder.submit(queries("b"))
        with pytest.raises(Overloaded) as refused:
            encoder.encode(queries("c"))
        assert refused.value.retry_after_s == 7
        left.cancel()
        encoder.submit(queries("d"))
        gate.open.set()
    assert gate.batches[1:] == [["b", "d"]]


def test_close_answers_what_was_taken_and_refuses_the_rest(gate: Gate) -> None:
    encoder = BatchingEncoder(gate, max_wait_ms=FOREVER_MS)
    waiting = encoder.submit(queries("a"))
    gate.open.set()
    encoder.close()
    assert waiting.result(0).vectors.shape == (1, 8)
    with pytest.raises(RuntimeError, match="closed"):
        encoder.encode(queries("b"))
    encoder.close()  # twice does no harm


def test_a_wrong_number_of_vectors_is_an_error_and_not_a_mix_up() -> None:
    class Short(FakeEncoder):
        def encode(self, queries: Sequence[Query]) -> Embeddings:
            return super().encode(queries[:1])

    with batching(Short(), max_wait_ms=0) as encoder, pytest.raises(RuntimeError, match="1 vectors for 2"):
        encoder.encode(queries("a", "b"))


@settings(max_examples=25, deadline=None)
@given(
    calls=st.lists(st.lists(st.sampled_from(["a", "b", "c", POISON]), min_size=1, max_size=4), max_size=12),
    max_batch=st.integers(1, 6),
    threads=st.integers(1, 6),
)
def test_whatever_comes_together_every_caller_gets_what_is_his(
    calls: list[list[str]], max_batch: int, threads: int
) -> None:
    gate = Gate()
    gate.open.set()
    with batching(gate, max_batch=max_batch, max_wait_ms=0.5) as encoder, ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(encoder.encode, queries(*call)) for call in calls]
        for call, future in zip(calls, futures, strict=True):
            if POISON in call:
                with pytest.raises(ValueError, match=f"one of {len(call)}$"):
                    future.result(30)
            else:
                assert np.array_equal(future.result(30).vectors, FakeEncoder().encode(queries(*call)).vectors)


def test_the_settings_turn_it_on_and_off() -> None:
    plain = FakeEncoder()
    assert with_batching(plain, Settings(_env_file=None, encoder_max_batch=1)) is plain
    wrapped = with_batching(plain, Settings(_env_file=None))
    assert isinstance(wrapped, BatchingEncoder)
    assert wrapped.info == plain.info
    wrapped.close()


class Preparer(Gate):
    """Notes which queries are prepared, and in which thread."""

    def __init__(self) -> None:
        super().__init__()
        self.prepared: list[tuple[str | None, int]] = []

    def prepare(self, queries: Sequence[Query]) -> None:
        if queries[0].text == POISON:
            raise ValueError("not to be prepared")
        self.prepared += [(query.text, threading.get_ident()) for query in queries]


def test_queries_are_prepared_in_the_thread_of_their_caller() -> None:
    encoder = Preparer()
    encoder.open.set()
    with batching(encoder, max_wait_ms=0) as batched:
        batched.encode(queries("a", "b"))
        with pytest.raises(ValueError, match="not to be prepared"):
            batched.encode(queries(POISON))
        batched.encode(queries("c"))
    assert encoder.prepared == [(text, threading.get_ident()) for text in "abc"]
    assert encoder.batches == [["a", "b"], ["c"]]
