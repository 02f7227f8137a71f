"""Several calls at the same time, so that a server can batch them."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

__all__ = ["side_by_side"]

In = TypeVar("In")
Out = TypeVar("Out")


def side_by_side(call: Callable[[In], Out], items: Sequence[In], parallel: int) -> list[Out]:
    """Every result, in order, by at most `parallel` threads; the first failure ends it."""
    if len(items) < 2:
        return [call(item) for item in items]
    with ThreadPoolExecutor(min(parallel, len(items)), thread_name_prefix="model-server") as pool:
        futures = [pool.submit(copy_context().run, call, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
