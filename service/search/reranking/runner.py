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
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress

from rerank.cancellation import on_cancel
from rerank.candidates import Candidate
from rerank.degraded import Degraded
from rerank.errors import LayoutError, PromptError
from rerank.query import Query
from rerank.strategies.strategy import RerankOutcome
from service.errors import InvalidValue
from service.search.reranking.call import RerankCall
from service.search.reranking.job import Job, Work
from service.search.reranking.plan import RerankPlan

logger = logging.getLogger(__name__)

GRACE_S = 0.25
"""An engine that stops at its deadline needs a moment to return what it has (the caption, for one)."""

UNFIT_PROMPT = "This prompt does not match the configured engine. Leave rerank.prompt out to use the engine's own."


class RerankRunner:
    """Bounded, deadline-keeping execution of calls of the model."""

    def __init__(self, concurrency: int) -> None:
        """`concurrency`: calls at work at the same time, including stuck ones."""
        self.slots = concurrency
        self._lock = threading.Lock()
        self._at_work: set[Job] = set()
        self._line: deque[Job] = deque()
        self._stopped = False

    @property
    def waiting(self) -> int:
        """Calls that wait for a slot."""
        return len(self._line)

    @property
    def in_use(self) -> int:
        """Slots that are taken."""
        return len(self._at_work)

    def ask(self, plan: RerankPlan, query: Query, candidates: Callable[[float], Sequence[Candidate]]) -> RerankCall:
        """Ask the model as planned; `candidates` are loaded in its slot, until its deadline.

        Raises InvalidValue if the prompt does not fit the engine.
        """

        def work(deadline: float) -> RerankOutcome:
            return plan.strategy.rerank(query, candidates(deadline), prompt=plan.prompt, deadline=deadline)

        try:
            return self.run(work, plan.deadline_ms)
        except (LayoutError, PromptError) as error:
            raise InvalidValue(UNFIT_PROMPT) from error

    def run(self, work: Work, deadline_ms: int) -> RerankCall:
        """Do the work; return within about `deadline_ms` + `GRACE_S`, and at once when the caller has disconnected.

        Raises:
            PromptError, LayoutError: the caller asked for a prompt that does not exist or does not fit the engine.
        """
        job = Job(work, time.monotonic() + deadline_ms / 1000)
        try:
            with on_cancel(job.abandon):
                self._take_in(job)
                left_s = max(0.0, job.deadline - time.monotonic())
                return RerankCall.answered(job.answer.result(timeout=left_s + GRACE_S))
        except (TimeoutError, CancelledError) as error:
            return RerankCall(degraded=self._given_up(job, error))
        except (PromptError, LayoutError):
            raise
        except Exception:  # the declared fault boundary, see above
            logger.exception("reranking failed; answering in retrieval order")
            return RerankCall(degraded=Degraded.ERROR)
        finally:
            self._leave(job)

    def stop(self) -> None:
        """End all waiting as if every deadline had passed, and accept nothing more: the service is stopping."""
        with self._lock:
            self._stopped = True
            jobs = [*self._line, *self._at_work]
        for job in jobs:
            job.abandon()

    def _given_up(self, job: Job, error: BaseException) -> Degraded:
        if not job.begun:
            return Degraded.OVERLOADED
        if isinstance(error, TimeoutError):
            logger.warning("reranking passed its deadline; answering in retrieval order")
        return Degraded.TIMEOUT

    def _take_in(self, job: Job) -> None:
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

    def _leave(self, job: Job) -> None:
        job.abandon()
        with self._lock, suppress(ValueError):
            self._line.remove(job)

    def _start(self, job: Job) -> None:
        """Start a daemon thread: unlike a pool's, it cannot keep the process from ending."""
        try:
            threading.Thread(target=self._work, args=[job], name="rerank", daemon=True).start()
        except RuntimeError:  # the system has no thread left; the slot must not stay taken
            with self._lock:
                self._at_work.discard(job)
            raise

    def _work(self, first: Job) -> None:
        """Do one job after the other, as long as there are any."""
        job: Job | None = first
        while job is not None:
            job.work()
            job = self._next(job)

    def _next(self, done: Job) -> Job | None:
        with self._lock:
            self._at_work.discard(done)
            while self._line:
                job = self._line.popleft()
                if job.is_due:
                    self._at_work.add(job)
                    return job
            return None
