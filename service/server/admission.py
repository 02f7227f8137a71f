"""Admission control: bounds the calls that run, those that wait, and for how long; others get a 429 at once.

Work runs in threads, so that the event loop stays free for `/healthz` and for refusing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import anyio
import anyio.lowlevel
import anyio.to_thread

from service.errors import Overloaded

T = TypeVar("T")


class Slot:
    """A slot, held until its block ends."""

    def __init__(self, threads: anyio.CapacityLimiter) -> None:
        self._threads = threads

    async def run(self, work: Callable[[], T]) -> T:
        """Run `work` in a thread. It cannot be stopped: a caller canceled meanwhile still waits for its end."""
        await anyio.lowlevel.checkpoint_if_cancelled()  # nothing is started for a caller that has disconnected
        return await anyio.to_thread.run_sync(work, limiter=self._threads)


class Admission:
    """A semaphore with a bounded queue, for one event loop."""

    def __init__(
        self, *, concurrency: int, queue: int, wait_s: float, retry_after_s: int, threads: int | None = None
    ) -> None:
        """`concurrency` calls work at once, `queue` more may wait, each at most `wait_s` seconds; `threads`: of all of
        them together, for calls that work in several (a thread each, if it is None).
        """
        self._slots = anyio.Semaphore(concurrency)
        self._threads = anyio.CapacityLimiter(threads or concurrency)
        self._concurrency = concurrency
        self._room = concurrency + queue
        self._present = 0
        self._wait_s = wait_s
        self._retry_after_s = retry_after_s

    @property
    def slots(self) -> int:
        """Calls that may run at once."""
        return self._concurrency

    @property
    def in_use(self) -> int:
        """Slots that are taken."""
        return self._concurrency - self._slots.value

    @property
    def waiting(self) -> int:
        """Calls that wait for a slot."""
        return max(0, self._present - self._concurrency)

    async def run(self, work: Callable[[], T]) -> T:
        """Run `work` in a thread. Raises as `slot`."""
        async with self.slot() as slot:
            return await slot.run(work)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[Slot]:
        """A slot for work in several steps.

        Raises:
            Overloaded: the queue is full, or no slot became free in time.
        """
        if self._present >= self._room:
            raise Overloaded(retry_after_s=self._retry_after_s)
        self._present += 1
        try:
            await self._take_slot()
            try:
                yield Slot(self._threads)
            finally:
                self._slots.release()
        finally:
            self._present -= 1

    async def _take_slot(self) -> None:
        with anyio.move_on_after(self._wait_s) as scope:
            await self._slots.acquire()
        # A slot given at the very moment of the time-out is ours: `cancelled_caught` is then false.
        if scope.cancelled_caught:
            raise Overloaded(retry_after_s=self._retry_after_s)
