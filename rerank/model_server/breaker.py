"""A circuit breaker: after several failed calls in a row, the next ones fail at once for a while.

Source: M. Nygard, "Release It!", Pragmatic Bookshelf, 2007, chapter 5.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rerank.errors import EngineError, EngineOverloaded, RequestRefused

__all__ = ["Breaker"]


class Breaker:
    """Counts failed calls; threads may share it.

    After `failures` failed calls in a row it is open: calls raise EngineOverloaded without being made. After `pause_s`
    one call is let through; if it succeeds, all are again, and if it fails, the pause begins again. What callers give
    up themselves counts neither way.
    """

    def __init__(self, failures: int = 5, pause_s: float = 2.0, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._failures, self._pause_s, self._clock = failures, pause_s, clock
        self._in_a_row = 0
        self._opens_at = 0.0
        self._lock = threading.Lock()

    @property
    def is_open(self) -> bool:
        """Whether calls fail without being made."""
        with self._lock:
            return self._in_a_row >= self._failures and self._clock() < self._opens_at

    @contextmanager
    def guarding(self) -> Iterator[None]:
        """Around one call, of which an EngineError is a failure, but not RequestRefused. Raises EngineOverloaded."""
        self._enter()
        try:
            yield
        except RequestRefused:  # it answers
            self._succeeded()
            raise
        except EngineError:
            self._failed()
            raise
        self._succeeded()

    def _enter(self) -> None:
        with self._lock:
            if self._in_a_row < self._failures:
                return
            if self._clock() < self._opens_at:
                raise EngineOverloaded("the model server has failed several times in a row and is not asked for now")
            self._opens_at = self._clock() + self._pause_s  # others wait for what this call finds

    def _failed(self) -> None:
        with self._lock:
            self._in_a_row += 1
            if self._in_a_row >= self._failures:
                self._opens_at = self._clock() + self._pause_s

    def _succeeded(self) -> None:
        with self._lock:
            self._in_a_row = 0
