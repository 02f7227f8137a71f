"""The observer of a search's stages: none, unless tracing is on.

A context variable, so that the parts that work need not hand an observer through; threads that run in a copied context
see it too. With no observer, a stage costs one look at the variable.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import Protocol

__all__ = ["Fact", "StageObserver", "note", "observed", "stage_observer"]

Fact = str | int | float | bool | None


class StageObserver(Protocol):
    """Is told of stages as they run. Its methods are called from several threads and must not raise."""

    def stage(self, name: str) -> AbstractContextManager[object]:
        """A block that runs as this stage."""
        ...

    def note(self, facts: Mapping[str, Fact]) -> None:
        """What has become known of the stage at work: numbers and names of parts, never what a caller wrote."""
        ...


stage_observer: ContextVar[StageObserver | None] = ContextVar("stage_observer", default=None)


def observed(name: str) -> AbstractContextManager[object]:
    """A context in which a stage runs."""
    observer = stage_observer.get()
    return nullcontext() if observer is None else observer.stage(name)


def note(**facts: Fact) -> None:
    """Tell what is known of the stage at work; None is left out."""
    observer = stage_observer.get()
    if observer is not None:
        observer.note(facts)
