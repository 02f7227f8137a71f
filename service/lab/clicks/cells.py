"""Impressions and clicks counted by pair and rank: all that models without memory of the list above need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.lab.clicks.click_log import ClickLog

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]


@dataclass(frozen=True)
class Cells:
    """For each pair and rank at which it was shown, sorted by pair: how often it was shown, and clicked."""

    pair: Ints
    rank: Ints
    shown: Floats
    clicked: Floats

    def where(self, kept: NDArray[np.bool_]) -> Cells:
        """Some of them."""
        return Cells(self.pair[kept], self.rank[kept], self.shown[kept], self.clicked[kept])


class CellIndex:
    """Which cell each impression of a log belongs to, for counting them with one weight or another."""

    def __init__(self, log: ClickLog, kept: NDArray[np.bool_] | None = None) -> None:
        """`kept`: [I], the impressions that count; all if not given."""
        rows = slice(None) if kept is None else np.flatnonzero(kept)
        ranks = int(log.rank.max(initial=0)) + 1
        keys, self._cell = np.unique(log.pair[rows].astype(np.int64) * ranks + log.rank[rows], return_inverse=True)
        self._pair, self._rank = (part.astype(np.int32) for part in np.divmod(keys, ranks))
        self._rows, self._clicked = rows, log.clicked[rows]

    def count(self, weights: Floats) -> Cells:
        """The cells, each impression counted with its weight, [I]."""
        weight, size = weights[self._rows], len(self._pair)
        clicked = sums(self._cell, size, weight * self._clicked)
        return Cells(self._pair, self._rank, sums(self._cell, size, weight), clicked)


def counted(log: ClickLog) -> Cells:
    """The cells of a log."""
    return CellIndex(log).count(np.ones(len(log.pair)))


def sums(key: NDArray[Any], size: int, values: Floats) -> Floats:
    """The sum of values for each key from 0 to before `size`."""
    return np.bincount(key, values, minlength=size).astype(np.float64)
