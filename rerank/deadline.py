"""When work must end: at its deadline, a value of `time.monotonic()`, or once its caller has disconnected."""

import time

from rerank.cancellation import Cancelled, check_cancelled
from rerank.errors import EngineTimeout

__all__ = ["check_deadline", "seconds_left"]


def check_deadline(deadline: float | None) -> None:
    """Raise EngineTimeout once the deadline has passed, or the caller has disconnected."""
    try:
        check_cancelled()
    except Cancelled as gone:
        raise EngineTimeout("the client has disconnected") from gone
    if deadline is not None:
        seconds_left(deadline)


def seconds_left(deadline: float) -> float:
    """Seconds until the deadline. EngineTimeout if there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise EngineTimeout("the deadline has passed")
    return left
