"""Runs reranking under a deadline, in a bounded thread pool.

Callers queue while all slots are taken; the wait counts against the deadline, and a place in the queue is freed as soon
as its caller disconnects. A call whose caller has disconnected, or whose deadline has passed, is notified
through `rerank.cancellation`. Python cannot stop a thread: an engine that listens to neither keeps its slot until it
really ends, so that stuck calls can fill the slots but never grow beyond them. Callers that got no slot before their
deadline get `OVERLOADED`, and the search continues in retrieval order.

This module is the fault boundary for model code: whatever an engine raises (out of memory, a broken checkpoint, a bug)
must cost the reranking and never the results, so it is logged here and becomes `ERROR`. Only what the caller can
fix (`PromptError`, `LayoutError`) goes through.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass

from rerank.cancellation import Cancellation, current_cancellation, on_cancel
from rerank.degraded import Degraded
from rerank.errors import LayoutError, PromptError
from rerank.strategies.strategy import RerankOutcome

logger = logging.getLogger(__name__)

GRACE_S = 0.25
"""An engine that stops at its deadline needs a moment to return what it has (the caption, for one)."""

RerankCall = Callable[[float], RerankOutcome]
"""Takes the deadline (a `time.monotonic` value, seconds) and reranks."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """Either an outcome, or the reason for its absence."""

    outcome: RerankOutcome | None
    degraded: Degraded | None = None


class _Job:
    """A call, its waiting caller, and its cancellation."""

    def __init__(self, call: RerankCall, deadline: float) -> None:
        self.deadline = deadline
        self.begun = False
        self.answer: Future[RerankOutcome] = Future()
        self._call = call
        self._cancellation = Cancellation()
        self._context = copy_context()
        self._context.run(current_cancellation.set, self._cancellation)

    def abandon(self) -> None:
        """Abandon the call."""
        self.answer.cancel()
        self._cancellation.cancel()

    def work(self) -> None:
        """Run the call in the caller's context, unless it was abandoned. Raises nothing."""
        if self.answer.cancelled():
            return
        self.begun = True
        with suppress(InvalidStateError):  # nobody waits for the answer any more
            try:
                self.answer.set_result(self._context.run(self._call, self.deadline))
            except BaseException as error:
                self.answer.set_exception(error)

    @property
    def is_due(self) -> bool:
        """Whether a caller still waits and there is time left."""
        return not self.answer.cancelled() and time.monotonic() < self.deadline


class RerankRunner:
    """Bounded, deadline-keeping execution of `RerankCall`s."""

    def __init__(self, concurrency: int) -> None:
        """`concurrency`: calls at work at the same time, including stuck ones."""
        self.slots = concurrency
        self._lock = threading.Lock()
        self._at_work: set[_Job] = set()
        self._line: deque[_Job] = deque()
        self._stopped = False

    @property
    def waiting(self) -> int:
        """Calls that wait for a slot."""
        return len(self._line)

    @property
    def in_use(self) -> int:
        """Slots that are taken."""
        return len(self._at_work)

    def run(self, call: RerankCall, deadline_ms: int) -> RunResult:
        """Run `call`; return within about `deadline_ms` + `GRACE_S`, and at once when the caller has disconnected.

        Raises:
            PromptError, LayoutError: the caller asked for a prompt that does not exist or does not fit the engine.
        """
        job = _Job(call, time.monotonic() + deadline_ms / 1000)
        try:
            with on_cancel(job.abandon):
                self._take_in(job)
                return RunResult(job.answer.result(timeout=max(0.0, job.deadline - time.monotonic()) + GRACE_S))
        except (TimeoutError, CancelledError) as error:
            return RunResult(None, self._given_up(job, error))
        except (PromptError, LayoutError):
            raise
        except Exception:  # the declared fault boundary, see above
            logger.exception("reranking failed; answering in retrieval order")
            return RunResult(None, Degraded.ERROR)
        finally:
            self._leave(job)

    def stop(self) -> None:
        """End all waiting as if every deadline had passed, and accept nothing more: the service is stopping."""
        with self._lock:
            self._stopped = True
            jobs = [*self._line, *self._at_work]
        for job in jobs:
            job.abandon()

    def _given_up(self, job: _Job, error: BaseException) -> Degraded:
        if not job.begun:
            return Degraded.OVERLOADED
        if isinstance(error, TimeoutError):
            logger.warning("reranking passed its deadline; answering in retrieval order")
        return Degraded.TIMEOUT

    def _take_in(self, job: _Job) -> None:
        """Assign a slot, or a place in the queue."""
        with self._lock:
            if self._stopped:
                job.abandon()
                return
            if len(self._at_work) >= self.slots:
                self._line.append(job)
                return
            self._at_work.add(job)
        self._start(job)

    def _leave(self, job: _Job) -> None:
        job.abandon()
        with self._lock, suppress(ValueError):
            self._line.remove(job)

    def _start(self, job: _Job) -> None:
        """Start a daemon thread: unlike a pool's, it cannot keep the process from ending."""
        try:
            threading.Thread(target=self._work, args=[job], name="rerank", daemon=True).start()
        except RuntimeError:  # the system has no thread left; the slot must not stay taken
            with self._lock:
                self._at_work.discard(job)
            raise

    def _work(self, first: _Job) -> None:
        """Do one job after the other, as long as there are any."""
        job: _Job | None = first
        while job is not None:
            job.work()
            job = self._next(job)

    def _next(self, done: _Job) -> _Job | None:
        with self._lock:
            self._at_work.discard(done)
            while self._line:
                job = self._line.popleft()
                if job.is_due:
                    self._at_work.add(job)
                    return job
            return None
