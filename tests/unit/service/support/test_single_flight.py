"""What several threads want at the same time is done once."""

import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest

from rerank.cancellation import Cancellation, Cancelled, current_cancellation, sleep
from service.support.single_flight import SingleFlight


def test_those_who_come_while_it_is_under_way_share_its_result() -> None:
    flights: SingleFlight[object] = SingleFlight()
    begun, coming, end, calls = threading.Event(), threading.Semaphore(0), threading.Event(), []

    def work() -> object:
        calls.append(1)
        begun.set()
        end.wait(5)
        return object()

    def other() -> object:
        coming.release()
        return flights.run("a", work)

    with ThreadPoolExecutor(9) as threads:
        first = threads.submit(flights.run, "a", work)
        begun.wait(5)
        others = [threads.submit(other) for _ in range(8)]
        assert flights.run("b", lambda: "b") == "b"  # another name waits for nobody
        for _ in others:
            assert coming.acquire(timeout=5)
        end.set()
        results = {first.result(), *(done.result() for done in others)}
    assert len(results) == len(calls) < 9  # not 1: a thread may be so late that it starts over
    assert flights.run("a", lambda: "new") == "new"


def test_an_error_is_shared_and_the_next_one_begins_anew() -> None:
    flights: SingleFlight[int] = SingleFlight()
    nothing: dict[str, int] = {}
    with pytest.raises(KeyError):
        flights.run("a", lambda: nothing["a"])
    assert flights.run("a", lambda: 1) == 1


def test_who_still_waits_is_not_cancelled_by_the_first_ones_caller_who_left() -> None:
    flights: SingleFlight[str] = SingleFlight()
    begun, left = threading.Event(), Cancellation()

    def abandoned() -> str:
        current_cancellation.set(left)
        begun.set()
        while True:
            sleep(30)

    with ThreadPoolExecutor(9) as threads:
        first = threads.submit(copy_context().run, flights.run, "a", abandoned)
        assert begun.wait(5)
        others = [threads.submit(flights.run, "a", lambda: "done") for _ in range(8)]
        left.cancel()
        with pytest.raises(Cancelled):
            first.result()
        assert {other.result() for other in others} == {"done"}


def test_who_left_as_well_does_not_start_over() -> None:
    flights: SingleFlight[str] = SingleFlight()
    left = Cancellation()

    def abandoned() -> str:
        left.cancel()
        raise Cancelled

    def waiting() -> str:
        current_cancellation.set(left)
        return flights.run("a", abandoned)

    with ThreadPoolExecutor(2) as threads:
        for future in [threads.submit(copy_context().run, waiting) for _ in range(2)]:
            with pytest.raises(Cancelled):
                future.result()


def test_a_copy_for_another_process_has_nothing_under_way() -> None:
    flights: SingleFlight[bytes] = SingleFlight()
    copy = flights.run("a", lambda: pickle.dumps(flights))
    assert pickle.loads(copy).run("a", lambda: b"own") == b"own"
