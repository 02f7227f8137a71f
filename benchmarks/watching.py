"""The highest of a number that goes up and down while something is measured."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil

_EVERY_S = 0.005


@contextmanager
def highest(read: Callable[[], float]) -> Iterator[Callable[[], float]]:
    """Read it every 5 ms while the block runs: its highest so far and, after the block, that of all of it."""
    most, over = [read()], threading.Event()

    def watch() -> None:
        while not over.wait(_EVERY_S):
            most[0] = max(most[0], read())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield lambda: most[0]
    finally:
        over.set()
        watcher.join()


def resident_mb() -> float:
    """Resident memory of this process, in MB."""
    return float(psutil.Process().memory_info().rss) / 1e6
