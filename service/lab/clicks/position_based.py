"""The position-based model: a user looks at a rank with a probability of its own, and clicks on what attracts.

    P(click on d at rank r) = examination[r] · attractiveness[d]

Richardson, Dominowska & Ragno, WWW 2007; Craswell et al., WSDM 2008; see Chuklin, Markov & de Rijke, "Click Models for
Web Search", 2015. The likelihood is maximized by Newton's steps in the logarithms of both factors in turn, which takes
far fewer steps than expectation maximization. Only the product of both is seen, so the rank that is looked at most has
the examination 1. What tells them apart are products that are shown at several ranks: interleaving and changes of the
configuration move them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.lab.clicks.attractiveness import Attractiveness, attractiveness
from service.lab.clicks.cells import Cells, sums

Floats = NDArray[np.float64]

_ITERATIONS = 500
_TOLERANCE, _NEAR = 1e-6, 1e-4
_MOST = 1 - 1e-6
_OFTEN = 20
_PSEUDO = 0.01  # clicks, and as many impressions without, that every pair and rank has besides its own
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
    """The examination of each rank. `start`: where to begin, if something near is known; as for a resample, whose own
    error is larger than that of fewer steps.

    Pairs that were shown a few times fit any examination (Neyman & Scott 1948), so they count only where the others do
    not reach every rank.
    """
    often = cells.where((sums(cells.pair, pairs, cells.shown) >= _OFTEN)[cells.pair])
    cells = often if len(np.unique(often.rank)) == len(np.unique(cells.rank)) else cells
    missed = cells.shown - cells.clicked
    by_pair, by_rank = (sums(*key, cells.clicked) for key in ((cells.pair, pairs), (cells.rank, ranks)))
    looked = np.linspace(1.0, 0.5, ranks) if start is None else start
    liked = np.clip((by_pair + _PSEUDO) / (sums(cells.pair, pairs, cells.shown) * looked.mean() + 1), 0.0, _MOST)
    tolerance = _TOLERANCE if start is None else _NEAR
    for _ in range(_ITERATIONS):
        before = looked
        odds, slope = _odds(missed, looked[cells.rank] * liked[cells.pair])
        own = _PSEUDO * liked / (1 - liked)
        expected, steep = sums(cells.pair, pairs, odds) + own, sums(cells.pair, pairs, slope) + own / (1 - liked)
        liked = np.minimum(liked * _step(by_pair + _PSEUDO, expected, steep), _MOST)
        odds, slope = _odds(missed, looked[cells.rank] * liked[cells.pair])
        own = _PSEUDO * looked
        expected, steep = sums(cells.rank, ranks, odds) + own, sums(cells.rank, ranks, slope) + own
        looked = looked * _step(by_rank + _PSEUDO, expected, steep)
        liked, looked = np.minimum(liked * looked.max(), _MOST), looked / looked.max()
        if float(np.abs(looked - before).max()) < tolerance:
            break
    return np.asarray(np.maximum(looked, _LEAST), dtype=np.float64)


def _odds(missed: Floats, chance: Floats) -> tuple[Floats, Floats]:
    """Of a click against none, for all impressions without one, and how much they grow with the chance's logarithm."""
    odds = missed * chance / (1 - np.minimum(chance, _MOST))
    return odds, odds / (1 - np.minimum(chance, _MOST))


def _step(clicked: Floats, expected: Floats, slope: Floats) -> Floats:
    """Newton's step for log(clicked) = log(expected), as a factor. Where it holds, the likelihood is at its maximum."""
    expected = np.maximum(expected, 1e-12)
    return np.exp(np.clip(np.log(clicked / expected) * expected / np.maximum(slope, expected), -2.0, 2.0))


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
