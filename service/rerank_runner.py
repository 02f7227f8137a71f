"""Runs a rerank strategy under a deadline, with a bound on how many run at once.

Python cannot stop a thread. An engine is told its deadline and should stop by itself; one that does not keeps its slot
until it really ends, so that stuck calls can fill the slots but never grow beyond them. Callers that find no free slot
before their deadline get `OVERLOADED`, and the search goes on in retrieval order.

This module is the fault boundary for model code: whatever an engine raises (out of memory, a broken checkpoint, a bug)
must cost the reranking and never the results, so it is logged here and becomes `ERROR`. Only what the caller can
mend (`PromptError`, `LayoutError`) goes through.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass

from rerank.errors import LayoutError, PromptError
from rerank.strategies.base import RerankOutcome
from service.search_types import Degraded

logger = logging.getLogger(__name__)

GRACE_S = 0.25
"""An engine that stops at its deadline needs a moment to hand back what it has (the caption, for one)."""

RerankCall = Callable[[float], RerankOutcome]
"""Takes the deadline (a `time.monotonic` value, seconds) and reranks."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """Either an outcome, or the reason why there is none."""

    outcome: RerankOutcome | None
    degraded: Degraded | None = None


class RerankRunner:
    """Bounded, deadline-keeping execution of `RerankCall`s in threads of their own."""

    def __init__(self, concurrency: int) -> None:
        self._slots = threading.BoundedSemaphore(concurrency)
        self._waiting: set[int] = set()

    @property
    def waiting(self) -> int:
        """Calls that wait for a slot."""
        return len(self._waiting)

    def run(self, call: RerankCall, deadline_ms: int) -> RunResult:
        """Run `call`; return within about `deadline_ms` + `GRACE_S`.

        Raises:
            PromptError, LayoutError: the caller asked for a prompt that does not exist or does not fit the engine.
        """
        deadline = time.monotonic() + deadline_ms / 1000
        if not self._take_slot(deadline_ms / 1000):
            return RunResult(None, Degraded.OVERLOADED)
        try:
            future = self._start(call, deadline)
            return RunResult(future.result(timeout=max(0.0, deadline - time.monotonic()) + GRACE_S))
        except TimeoutError:
            logger.warning("reranking passed its deadline of %d ms; answering in retrieval order", deadline_ms)
            return RunResult(None, Degraded.TIMEOUT)
        except (PromptError, LayoutError):
            raise
        except Exception:  # the declared fault boundary, see above
            logger.exception("reranking failed; answering in retrieval order")
            return RunResult(None, Degraded.ERROR)

    def _take_slot(self, patience_s: float) -> bool:
        """Whether a slot was to be had within that time."""
        me = threading.get_ident()
        self._waiting.add(me)
        try:
            return self._slots.acquire(timeout=patience_s)
        finally:
            self._waiting.discard(me)

    def _start(self, call: RerankCall, deadline: float) -> Future[RerankOutcome]:
        """Start a daemon thread: unlike a pool's, it cannot keep the process from ending."""
        future: Future[RerankOutcome] = Future()

        def work() -> None:
            try:
                future.set_result(call(deadline))
            except BaseException as error:
                future.set_exception(error)
            finally:
                self._slots.release()

        try:
            threading.Thread(target=copy_context().run, args=[work], name="rerank", daemon=True).start()
        except RuntimeError:  # the system has no thread left; the slot must not stay taken
            self._slots.release()
            raise
        return future
