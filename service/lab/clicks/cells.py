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


def counted(log: ClickLog) -> Cells:
    """The cells of a log."""
    ranks = int(log.rank.max(initial=0)) + 1
    keys, place = np.unique(log.pair.astype(np.int64) * ranks + log.rank, return_inverse=True)
    pair, rank = np.divmod(keys, ranks)
    return Cells(
        pair.astype(np.int32),
        rank.astype(np.int32),
        sums(place, np.ones(len(place)), len(keys)),
        sums(place, log.clicked, len(keys)),
    )


def sums(key: NDArray[Any], values: Floats, size: int) -> Floats:
    """The sum of values for each key from 0 to before `size`."""
    return np.bincount(key, values, minlength=size).astype(np.float64)
