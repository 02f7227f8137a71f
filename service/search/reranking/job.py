"""A call of the model that a caller waits for, and that either of them may abandon."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from contextvars import copy_context

from rerank.cancellation import Cancellation, current_cancellation
from rerank.strategies.strategy import RerankOutcome

Work = Callable[[float], RerankOutcome]
"""Takes the deadline (a `time.monotonic` value, seconds) and reranks."""


class Job:
    """The work, its waiting caller, and its cancellation."""

    def __init__(self, work: Work, deadline: float) -> None:
        self.deadline = deadline
        self.begun = False
        self.answer: Future[RerankOutcome] = Future()
        self._work = work
        self._cancellation = Cancellation()
        self._context = copy_context()
        self._context.run(current_cancellation.set, self._cancellation)

    def abandon(self) -> None:
        """Stop waiting for the answer, and cancel the work."""
        self.answer.cancel()
        self._cancellation.cancel()

    def work(self) -> None:
        """Do it in the caller's context, unless it was abandoned. Raises nothing."""
        if self.answer.cancelled():
            return
        self.begun = True
        with suppress(InvalidStateError):  # nobody waits for the answer any more
            try:
                self.answer.set_result(self._context.run(self._work, self.deadline))
            except BaseException as error:
                self.answer.set_exception(error)

    @property
    def is_due(self) -> bool:
        """Whether a caller still waits and there is time left."""
        return not self.answer.cancelled() and time.monotonic() < self.deadline
