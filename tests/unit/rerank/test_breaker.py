"""The circuit breaker of model servers."""

import pytest

from rerank.cancellation import Cancelled
from rerank.errors import EngineError, EngineOverloaded, EngineTimeout, RequestRefused
from rerank.model_server.breaker import Breaker


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def call(breaker: Breaker, error: Exception | None = None) -> str:
    """What comes of one call: "made", or the name of what it raised."""
    made = False
    try:
        with breaker.guarding():
            made = True
            if error is not None:
                raise error
    except Exception as raised:
        return type(raised).__name__ if made else f"not made: {type(raised).__name__}"
    return "made"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(failures=3, pause_s=2.0, clock=clock)


def test_it_opens_after_failures_in_a_row_and_not_after_single_ones(breaker: Breaker) -> None:
    for _ in range(4):
        call(breaker, EngineTimeout("slow"))
        call(breaker, EngineError("down"))
        assert call(breaker) == "made"
    for _ in range(3):
        assert not breaker.is_open
        call(breaker, EngineError("down"))
    assert breaker.is_open
    assert call(breaker) == f"not made: {EngineOverloaded.__name__}"


def test_one_call_after_the_pause_decides(breaker: Breaker, clock: Clock) -> None:
    for _ in range(3):
        call(breaker, EngineError("down"))
    clock.now = 2.0
    assert call(breaker, EngineError("still down")) == "EngineError"
    assert call(breaker) == "not made: EngineOverloaded"
    clock.now = 4.0
    with breaker.guarding():
        assert call(breaker) == "not made: EngineOverloaded"  # while the first one is on its way
    assert call(breaker) == "made" and not breaker.is_open


@pytest.mark.parametrize("error", [RequestRefused("no such field"), Cancelled(), ValueError("ours")])
def test_what_is_not_the_servers_failure_does_not_count(breaker: Breaker, error: Exception) -> None:
    for _ in range(10):
        assert call(breaker, error) == type(error).__name__
    assert not breaker.is_open
