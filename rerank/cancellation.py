"""Cancellation of work whose caller has disconnected, through a context variable, as in `rerank.stages`, so that it
need not be passed along.

Python cannot stop a thread. Long work calls `check_cancelled` between its steps; waiting code registers its wake-up
with `on_cancel`. Threads that run in a copied context see the same cancellation.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

__all__ = [
    "Cancellation",
    "Cancelled",
    "check_cancelled",
    "current_cancellation",
    "is_cancelled",
    "on_cancel",
    "result_of",
    "sleep",
]

T = TypeVar("T")
_Wake = Callable[[], object]


class Cancelled(Exception):  # noqa: N818 (it is no error: nobody wants the result any more)
    """The caller has disconnected; nobody needs the result."""


class Cancellation:
    """A one-time flag, settable from any thread. Wakes its waiters."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._wakes: list[_Wake] = []

    @property
    def is_set(self) -> bool:
        """Whether the caller has disconnected."""
        return self._event.is_set()

    def cancel(self) -> None:
        """Signal that nobody waits any more. Further calls have no effect."""
        with self._lock:
            self._event.set()
            wakes, self._wakes = self._wakes, []
        for wake in wakes:
            wake()

    def wait(self, seconds: float) -> bool:
        """Wait at most this long; returns whether it is set by then."""
        return self._event.wait(seconds)

    @contextmanager
    def waking(self, wake: _Wake) -> Iterator[None]:
        """Call `wake` if it is set while the block runs, from the thread that sets it; at once if it is set already."""
        with self._lock:
            late = self.is_set
            if not late:
                self._wakes.append(wake)
        if late:
            wake()
        try:
            yield
        finally:
            with self._lock:
                if wake in self._wakes:
                    self._wakes.remove(wake)


current_cancellation: ContextVar[Cancellation | None] = ContextVar("cancellation", default=None)


def is_cancelled() -> bool:
    """Whether the caller has disconnected."""
    cancellation = current_cancellation.get()
    return cancellation is not None and cancellation.is_set


def check_cancelled() -> None:
    """Raise Cancelled once the caller has disconnected."""
    if is_cancelled():
        raise Cancelled


@contextmanager
def on_cancel(wake: _Wake) -> Iterator[None]:
    """Call `wake`, once, if the caller disconnects while the block runs."""
    cancellation = current_cancellation.get()
    if cancellation is None:
        yield
        return
    with cancellation.waking(wake):
        yield


def result_of(future: Future[T]) -> T:
    """Wait for what others work on, and cancel it if the caller goes. Raises Cancelled, and as the work."""
    try:
        with on_cancel(future.cancel):
            return future.result()
    except CancelledError:
        raise Cancelled from None
    finally:
        future.cancel()  # an interrupted caller wants nothing any more; no effect on work that has ended


def sleep(seconds: float) -> None:
    """Sleep, unless the caller disconnects. Raises Cancelled."""
    cancellation = current_cancellation.get() or Cancellation()
    if cancellation.wait(seconds):
        raise Cancelled
