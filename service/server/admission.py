"""Admission control: bounds the calls that run, those that wait, and for how long; others get a 429 at once.

Work runs in threads, so that the event loop stays free for `/healthz` and for refusing.
"""

from __future__ import annotations

from collections import deque
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
    """A semaphore with a bounded queue, for one event loop; large calls take several of its slots, all at once.

    Calls are admitted in the order in which they came, so that small ones cannot starve a large one.
    """

    def __init__(
        self, *, concurrency: int, queue: int, wait_s: float, retry_after_s: int, threads: int | None = None
    ) -> None:
        """`concurrency`: slots; `queue` calls may wait for some, each at most `wait_s` seconds; `threads`: of all of
        them together, for calls that work in several (a thread each, if it is None).
        """
        self._free = self._concurrency = concurrency
        self._threads = anyio.CapacityLimiter(threads or concurrency)
        self._line: deque[tuple[int, anyio.Event]] = deque()
        self._room = queue
        self._wait_s = wait_s
        self._retry_after_s = retry_after_s

    @property
    def slots(self) -> int:
        """Calls that may run at once, if each takes one."""
        return self._concurrency

    @property
    def in_use(self) -> int:
        """Slots that are taken."""
        return self._concurrency - self._free

    @property
    def waiting(self) -> int:
        """Calls that wait for a slot."""
        return len(self._line)

    async def run(self, work: Callable[[], T], size: int = 1) -> T:
        """Run `work` in a thread. Raises as `slot`."""
        async with self.slot(size) as slot:
            return await slot.run(work)

    @asynccontextmanager
    async def slot(self, size: int = 1) -> AsyncIterator[Slot]:
        """Slots for work in several steps: so many, or all.

        Raises:
            Overloaded: the queue is full, or no slot became free in time.
        """
        size = min(size, self._concurrency)
        await self._take(size)
        try:
            yield Slot(self._threads)
        finally:
            self._give_back(size)

    async def _take(self, size: int) -> None:
        if not self._line and size <= self._free:
            self._free -= size
            return
        if len(self._line) >= self._room:
            raise Overloaded(retry_after_s=self._retry_after_s)
        place = size, anyio.Event()
        self._line.append(place)
        try:
            with anyio.move_on_after(self._wait_s):
                await place[1].wait()
        except BaseException:  # the caller has disconnected
            self._leave(place)
            raise
        if not place[1].is_set():  # slots given at the very moment of the time-out are ours
            self._leave(place)
            raise Overloaded(retry_after_s=self._retry_after_s)

    def _leave(self, place: tuple[int, anyio.Event]) -> None:
        """Wait no longer, whether slots were given or not."""
        size, given = place
        if given.is_set():
            self._give_back(size)
        else:
            self._line.remove(place)
            self._give_back(0)  # whoever stood behind may fit

    def _give_back(self, size: int) -> None:
        """Free slots, for those who stand first in the line."""
        self._free += size
        while self._line and self._line[0][0] <= self._free:
            needed, given = self._line.popleft()
            self._free -= needed
            given.set()
