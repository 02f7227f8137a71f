"""Measures how long each stage of a search takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rerank.stages import observed


class StageClock:
    """Collects milliseconds per stage; stages that did not run are absent."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self.ms: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the block as stage `name`, also when it raises. A stage that runs again takes as long as all of them."""
        start = time.perf_counter()
        try:
            with observed(name):
                yield
        finally:
            self.ms[name] = self.ms.get(name, 0.0) + (time.perf_counter() - start) * 1000

    def total(self) -> dict[str, float]:
        """All stages so far, and `total`: the time since this clock was made."""
        return {**self.ms, "total": (time.perf_counter() - self._start) * 1000}
