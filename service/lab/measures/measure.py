"""The interface of a measure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from service.lab.judged import Judgments, RankedList

PerQuery = Mapping[str, float]
"""Query id → value."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A run as the measures see it: only judged queries, and nothing in a ranking that does not count."""

    judgments: Judgments
    rankings: Mapping[str, RankedList]
    """One for every judged query; empty if the run has none."""
    subsets: Mapping[str, RankedList]
    """One for every judged query that has a subset: the order of its members."""


class Measure(Protocol):
    """A measure with its cut-off, as its name says it."""

    @property
    def name(self) -> str:
        """The name as it was requested."""
        ...

    def values(self, run: Measured) -> PerQuery:
        """One value from 0 to 1 for every judged query. Raises LabError where the data set does not fit."""
        ...
