"""One check shared by concurrent callers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

import anyio
import anyio.to_thread

T = TypeVar("T")


class SharedCheck(Generic[T]):
    """A check in its own thread; callers while it runs share its outcome. For one event loop.

    Probes come from outside, in any number and without a key: they must not take the threads of others, nor query the
    store more than once at a time.
    """

    def __init__(self, check: Callable[[], T]) -> None:
        self._check = check
        self._thread = anyio.CapacityLimiter(1)
        self._running: asyncio.Task[T] | None = None

    async def __call__(self) -> T:
        """The outcome. Raises as the check."""
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
            self._running.add_done_callback(_seen)
        return await asyncio.shield(self._running)

    async def _run(self) -> T:
        return await anyio.to_thread.run_sync(self._check, limiter=self._thread)


def _seen(task: asyncio.Task[T]) -> None:
    """Look at the outcome, so that asyncio does not complain where everybody who asked has left."""
    if not task.cancelled():
        task.exception()
