"""When Python's cyclic garbage collector looks for garbage."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_SELDOM = (50_000, 50, 10)
"""Thresholds of the three generations; Python's own are 700, 10 and 10."""


def collect_seldom() -> None:
    """Collect when many more objects are new than by default: what is imported is no garbage, and looking through it
    again and again took a fifth of the processor time of commands that load models.
    """
    gc.set_threshold(*_SELDOM)


@contextmanager
def paused() -> Iterator[None]:
    """Collect nothing until `resume`, or the end of the block: what is imported and loaded is no garbage, and looking
    through it again and again takes a seventh of a start.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def resume() -> None:
    """Collect again, but never look through what is there now: it stays, and took a tenth of a second each time."""
    gc.freeze()
    gc.enable()
