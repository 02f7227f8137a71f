"""The position-based model: a user looks at a rank with a probability of its own, and clicks on what attracts.

    P(click on d at rank r) = examination[r] · attractiveness[d]

Richardson, Dominowska & Ragno, WWW 2007; Craswell et al., WSDM 2008; estimated by expectation maximization as in
Chuklin, Markov & de Rijke, "Click Models for Web Search", 2015, section 4.2. Only the product of both is seen, so the
rank that is looked at most has the examination 1. What tells them apart are products that are shown at several ranks:
interleaving and changes of the configuration move them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.lab.clicks.attractiveness import Attractiveness, attractiveness
from service.lab.clicks.cells import Cells, sums

Floats = NDArray[np.float64]

_ITERATIONS = 2_000
_TOLERANCE = 1e-5
_LEAST = 1e-4  # of an examination, so that one click at a rank that few look at does not count for thousands


@dataclass(frozen=True)
class PositionBased:
    """`examination`: [ranks], at most 1."""

    examination: Floats
    found: Attractiveness

    def expected(self, pair: NDArray[np.int32], rank: NDArray[np.int32]) -> Floats:
        """The probability of a click on each of some pairs at the given ranks."""
        return np.asarray(self.examination[rank] * self.found.value[pair], dtype=np.float64)


def fit(cells: Cells, pairs: int, ranks: int) -> PositionBased:
    """Fit the model to the cells of a log with so many pairs and ranks."""
    examination = examinations(cells, pairs, ranks)
    return PositionBased(examination, attractiveness(cells, examination[cells.rank], pairs))


def examinations(cells: Cells, pairs: int, ranks: int, start: Floats | None = None) -> Floats:
    """The examination of each rank. `start`: where to begin, if something near is known."""
    missed = cells.shown - cells.clicked
    shown_pair, shown_rank = sums(cells.pair, cells.shown, pairs), sums(cells.rank, cells.shown, ranks)
    examination = np.linspace(1.0, 0.5, ranks) if start is None else start
    clicked = sums(cells.pair, cells.clicked, pairs)
    attraction = (clicked + 1) / (shown_pair * examination.mean() + 2)
    for _ in range(_ITERATIONS):
        seen, liked = examination[cells.rank], attraction[cells.pair]
        unclicked = missed / (1 - np.minimum(seen * liked, 1 - 1e-9))
        looked = cells.clicked + unclicked * seen * (1 - liked)
        attracted = cells.clicked + unclicked * liked * (1 - seen)
        attraction = (sums(cells.pair, attracted, pairs) + 1) / (shown_pair + 2)
        updated = (sums(cells.rank, looked, ranks) + 1) / (shown_rank + 2)
        change = float(np.abs(updated / updated.max() - examination / examination.max()).max())
        examination = updated
        if change < _TOLERANCE:
            break
    return np.asarray(np.maximum(examination / examination.max(), _LEAST), dtype=np.float64)


def separate_ranks(cells: Cells, pairs: int, ranks: int) -> int:
    """How many groups the ranks fall into between which no pair was moved. With more than one, how much less a rank is
    looked at cannot be told from how much less attractive the products there are.
    """
    group, before = np.arange(ranks), None
    while before is None or (group != before).any():
        before = group.copy()
        of_pair = np.full(pairs, ranks)
        np.minimum.at(of_pair, cells.pair, group[cells.rank])
        np.minimum.at(group, cells.rank, of_pair[cells.pair])
    return len(np.unique(group[cells.rank]))
