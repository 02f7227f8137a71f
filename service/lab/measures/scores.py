"""The values of one run: per query, over slices, and in total."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scores:
    """What a run reached. A *unit* is what counts once: a query, or a pair of queries that is averaged."""

    run: str
    values: Mapping[str, Mapping[str, float]]
    """Measure → unit → value; every measure has the same units in the same order."""
    tags: Mapping[str, frozenset[str]]
    """Unit → its `kind:value` tags."""
    spread: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Measure → topic with several queries → the largest less the smallest value of these."""
    macro: str | None = None
    """The kind of tag that the total averages over; None: the mean over units."""

    @property
    def units(self) -> tuple[str, ...]:
        """All units, in the order of every array here."""
        return tuple(self.tags)

    def array(self, measure: str) -> Floats:
        """The values of all units. KeyError for a measure that was not computed."""
        return np.array([self.values[measure][unit] for unit in self.tags], dtype=np.float64)

    def mean(self, measure: str) -> float:
        """The total: the mean over units, or over the categories' means. 0 for a run without units."""
        return float(self.weights() @ self.array(measure)) if self.tags else 0.0

    def weights(self) -> Floats:
        """The share of each unit in the total; sums to 1.

        Under a macro average every category weighs the same, however many queries it has.
        """
        if self.macro is None:
            return np.full(len(self.tags), 1 / max(1, len(self.tags)))
        groups = self.slices(self.macro)
        if rest := self.tags.keys() - {unit for members in groups.values() for unit in members}:
            groups[""] = sorted(rest)
        shares: dict[str, float] = defaultdict(float)
        for members in groups.values():
            for unit in members:
                shares[unit] += 1 / (len(groups) * len(members))
        return np.array([shares[unit] for unit in self.tags], dtype=np.float64)

    def slices(self, kind: str) -> dict[str, Sequence[str]]:
        """Tag value → its units, for the tags of one kind (`category`, `aspect`, …)."""
        found: dict[str, list[str]] = defaultdict(list)
        for unit, tags in self.tags.items():
            for tag in sorted(tags):
                name, _, value = tag.partition(":")
                if name == kind:
                    found[value].append(unit)
        return {value: found[value] for value in sorted(found)}

    def kinds(self) -> tuple[str, ...]:
        """The kinds of tags that there are."""
        return tuple(sorted({tag.partition(":")[0] for tags in self.tags.values() for tag in tags}))

    def by_slice(self, measure: str, kind: str) -> dict[str, float]:
        """Tag value → mean over its units."""
        values = self.values[measure]
        return {value: float(np.mean([values[unit] for unit in units])) for value, units in self.slices(kind).items()}
