"""One model, many threads: they take turns, and nobody waits past a deadline."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rerank.errors import EngineOverloaded

__all__ = ["Turns"]

_WITHOUT_END = -1.0


class Turns:
    """Lets one thread at a time at a model."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @contextmanager
    def take(self, deadline: float | None) -> Iterator[None]:
        """Wait for the model, at most until `deadline`, a value of `time.monotonic()`; EngineOverloaded if it is late.

        A deadline that has passed already still gets a free model: how late is too late is for the model to say.
        """
        patience = _WITHOUT_END if deadline is None else max(0.0, deadline - time.monotonic())
        if not self._lock.acquire(timeout=patience):
            raise EngineOverloaded("the model was busy with other requests until the deadline")
        try:
            yield
        finally:
            self._lock.release()
