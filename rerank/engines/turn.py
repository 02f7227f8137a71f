"""One model, many threads: they take turns, and none waits past its deadline."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rerank.cancellation import is_cancelled, on_cancel
from rerank.errors import EngineOverloaded, EngineTimeout

__all__ = ["Turns"]


class Turns:
    """Gives one thread at a time access to a model."""

    def __init__(self) -> None:
        self._free = threading.Condition()
        self._taken = False

    @contextmanager
    def take(self, deadline: float | None) -> Iterator[None]:
        """Wait for the model, at most until `deadline`, a value of `time.monotonic()`.

        A deadline that has passed already still gets a free model: the model decides how late is too late.

        Raises:
            EngineOverloaded: the model was not free in time.
            EngineTimeout: the caller has disconnected.
        """
        patience = None if deadline is None else max(0.0, deadline - time.monotonic())
        with on_cancel(self._wake), self._free:
            if not self._free.wait_for(lambda: not self._taken or is_cancelled(), patience):
                raise EngineOverloaded("the model was busy with other requests until the deadline")
            if is_cancelled():
                raise EngineTimeout("the client has disconnected")
            self._taken = True
        try:
            yield
        finally:
            with self._free:
                self._taken = False
                self._free.notify_all()

    def _wake(self) -> None:
        with self._free:
            self._free.notify_all()
