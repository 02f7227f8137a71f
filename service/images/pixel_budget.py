"""A bound on the pixels that are decoded at the same time in a process.

A decoder needs 5 to 16 bytes per pixel while it works (`service.images.decoding_cost`). Without a bound, as many
40-megapixel images as there are threads would be unpacked concurrently.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

from rerank.cancellation import check_cancelled, is_cancelled, on_cancel


class PixelBudget:
    """A semaphore weighted by pixels. First come, first served, so that small images cannot starve a large one."""

    def __init__(self) -> None:
        self._under_way = 0
        self._queue: deque[object] = deque()
        self._changed = Condition()

    @contextmanager
    def spend(self, pixels: int, most: int) -> Iterator[None]:
        """Hold room for so many pixels during the block, after waiting for one's turn.

        With them at most `most` are in progress; an image with more pixels than that is decoded alone. Raises Cancelled
        where the caller goes before its turn.
        """
        with self._changed:
            self._wait(pixels, most)
            self._under_way += pixels
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= pixels
                self._changed.notify_all()

    def _wait(self, pixels: int, most: int) -> None:
        me = object()
        self._queue.append(me)
        try:
            with on_cancel(self._wake):
                self._changed.wait_for(
                    lambda: is_cancelled() or (self._queue[0] is me and self._has_room(pixels, most))
                )
            check_cancelled()
        finally:
            self._queue.remove(me)
            self._changed.notify_all()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _has_room(self, pixels: int, most: int) -> bool:
        return self._under_way == 0 or self._under_way + pixels <= most
