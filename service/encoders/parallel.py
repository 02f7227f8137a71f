"""Images of a batch are prepared concurrently: Pillow and numpy release the GIL while they work."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_MOST_THREADS = 8
_In = TypeVar("_In")
_Out = TypeVar("_Out")


def each(work: Callable[[_In], _Out], items: Sequence[_In]) -> list[_Out]:
    """`work` of every item, in their order; what it raises for the first one that fails is raised here.

    Without this a batch of 32 photos, prepared one at a time, would keep a GPU waiting longer than it computes.
    """
    threads = min(len(items), os.cpu_count() or 1, _MOST_THREADS)
    if threads <= 1:
        return [work(item) for item in items]
    with ThreadPoolExecutor(threads, thread_name_prefix="images") as pool:
        return list(pool.map(work, items))
