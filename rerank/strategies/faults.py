"""Failures: how they are reported, and how the faults of several calls combine."""

import logging
from collections.abc import Sequence

from rerank.degraded import Degraded
from rerank.errors import EngineOverloaded, EngineTimeout, ModelServerFailed, RequestRefused
from rerank.ranking import Fault

__all__ = ["declared", "log_failure", "merged"]

_BY_WEIGHT = (
    Fault.TIMEOUT,
    Fault.BACKEND_ERROR,
    Fault.FLAT_SCORES,
    Fault.TRUNCATED,
    Fault.WRONG_FORMAT,
    Fault.OUT_OF_RANGE,
    Fault.REPETITION,
    Fault.MISSING,
    Fault.OK,
)
"""The parser's precedence, with failures of the engine before it. A refusal is weighed apart."""


def declared(error: Exception) -> tuple[Fault, Degraded]:
    """How a failure is reported."""
    if isinstance(error, EngineTimeout):
        return Fault.TIMEOUT, Degraded.TIMEOUT
    if isinstance(error, EngineOverloaded):
        return Fault.BACKEND_ERROR, Degraded.OVERLOADED
    return Fault.BACKEND_ERROR, Degraded.ERROR


def log_failure(log: logging.Logger, what: str, degraded: Degraded, error: Exception) -> None:
    """Write a failure down: with its traceback where the error is ours, in a line where an engine was slow or busy, or
    a model server failed: in an outage, every search has the same to tell.
    """
    if isinstance(error, EngineTimeout | EngineOverloaded | ModelServerFailed | RequestRefused):
        log.warning("%s: %s: %s", degraded, what, error)
    else:
        log.warning("%s: %s", degraded, what, exc_info=error)


def merged(faults: Sequence[Fault]) -> Fault:
    """The one fault of several calls about one list: the one that explains most; OK for no calls.

    A refusal says that no label was named at all. Where another call named some, the list as a whole has `missing`
    candidates instead.
    """
    if faults and all(fault is Fault.REFUSAL for fault in faults):
        return Fault.REFUSAL
    seen = {Fault.MISSING if fault is Fault.REFUSAL else fault for fault in faults}
    return next((fault for fault in _BY_WEIGHT if fault in seen), Fault.OK)
