"""A cascade model: a user reads a page from the top, clicks on what attracts, and stops when satisfied or tired.

    P(click on d, looked at) = attractiveness[d]
    P(no further | clicked)  = satisfaction
    P(goes on | not satisfied) = persistence

The dynamic Bayesian network of Chapelle & Zhang, "A Dynamic Bayesian Network Click Model for Web Search Ranking", WWW
2009, with one satisfaction for all products: how satisfied somebody was, carts and purchases say better than which
click was the last. Everything down to the last click was looked at; below it, expectation maximization weighs where the
user may have stopped. A later page begins at its top: who asks for it looks at its first product.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.lab.clicks.attractiveness import Attractiveness, attractiveness
from service.lab.clicks.cells import Cells, sums
from service.lab.clicks.click_log import ClickLog

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

_ITERATIONS = 500
_TOLERANCE = 1e-5
_PSEUDO = 0.1  # clicks, and as many products looked at without, that every pair has besides its own
_BINS = 20
_BLOCK = 200_000  # impressions that are looked at together


@dataclass(frozen=True)
class Cascade:
    """`satisfaction`: of a click, that it ends the search; `persistence`: of looking at the next product otherwise."""

    satisfaction: float
    persistence: float
    found: Attractiveness

    def log_likelihood(self, log: ClickLog) -> float:
        """The logarithm of the probability of all clicks of a log."""
        return sum(
            float(np.sum(_Tail(block, self.found.value, self.satisfaction, self.persistence).log_likelihood()))
            for block in _blocks(log)
        )


def fit(log: ClickLog) -> Cascade:
    """Fit the model to a log with at least one click."""
    pairs, blocks = len(log.pair_query), list(_blocks(log))
    clicked = log.by_pair(log.clicked)
    attraction, satisfaction, persistence = (clicked + 1) / (log.by_pair() + 2), 0.5, 0.9
    looked = np.empty(len(log.pair))
    for _ in range(_ITERATIONS):
        satisfied = went_on = could = 0.0
        for block in blocks:
            tail = _Tail(block, attraction, satisfaction, persistence)
            looked[block.at] = tail.looked
            satisfied, went_on, could = satisfied + tail.satisfied, went_on + tail.went_on, could + tail.could
        before = (satisfaction, persistence)
        attraction = (clicked + _PSEUDO) / (log.by_pair(looked) + 2 * _PSEUDO)
        satisfaction = (satisfied + 1) / (clicked.sum() + 2)
        persistence = (went_on + 1) / (could + 2)
        if max(abs(satisfaction - before[0]), abs(persistence - before[1])) < _TOLERANCE:
            break
    cells, chance = _by_chance(log, looked, attraction)
    return Cascade(float(satisfaction), persistence, attractiveness(cells, chance, pairs))


def _by_chance(log: ClickLog, looked: Floats, attraction: Floats) -> tuple[Cells, Floats]:
    """Impressions by pair and by how likely they were looked at before it was known that they were not clicked, in
    `_BINS` steps, and that chance in each cell. So the interval of a product that users may not have seen is wider.
    """
    liked = attraction[log.pair]
    before = np.where(log.events != 0, 1.0, looked / (1 - liked + looked * liked))
    bins = np.ceil(before * _BINS).astype(np.int64)
    keys, cell = np.unique(log.pair * np.int64(_BINS + 1) + bins, return_inverse=True)
    pair, bin = np.divmod(keys, _BINS + 1)
    shown = sums(cell, len(keys), np.ones(len(cell)))
    cells = Cells(pair.astype(np.int32), bin.astype(np.int32), shown, sums(cell, len(keys), log.clicked))
    return cells, np.clip(sums(cell, len(keys), before) / shown, 1e-9, 1.0)


@dataclass(frozen=True)
class _Block:
    """Pages of equal length n: where their impressions are [pages, n], of which pairs, and whether clicked."""

    at: Rows
    pair: NDArray[np.int32]
    clicked: NDArray[np.bool_]


def _blocks(log: ClickLog) -> Iterator[_Block]:
    lengths, clicked = log.lengths, log.clicked > 0
    for length in np.unique(lengths[lengths > 0]):
        pages = log.starts[:-1][lengths == length]
        most = max(1, _BLOCK // int(length))
        for begin in range(0, len(pages), most):
            at = pages[begin : begin + most, None] + np.arange(length)
            yield _Block(at, log.pair[at], clicked[at])


class _Tail:
    """What may have happened behind the last click of each page, given the parameters."""

    def __init__(self, block: _Block, attraction: Floats, satisfaction: float, persistence: float) -> None:
        pages, length = block.pair.shape
        self._clicked, self._satisfaction, self._persistence = block.clicked, satisfaction, persistence
        self._liked = np.minimum(attraction[block.pair], 1 - 1e-9)
        places = np.arange(length)
        self._last = np.where(block.clicked, places, -1).max(axis=1)  # -1 without a click
        # quiet[:, j]: no click from j to the end, if j is looked at; rest[:, j]: none behind j, if not satisfied there.
        self._quiet = np.ones((pages, length + 1))
        self._rest = np.ones((pages, length))
        for place in range(length - 1, -1, -1):
            if place < length - 1:
                self._rest[:, place] = 1 - persistence + persistence * self._quiet[:, place + 1]
            self._quiet[:, place] = (1 - self._liked[:, place]) * self._rest[:, place]
        self._tell(places)

    def _tell(self, places: NDArray[np.int64]) -> None:
        """Fill in what the maximization needs: `looked` [pages, n] and the three sums."""
        length, page = len(places), np.arange(len(self._last))
        has_click = self._last >= 0
        last = np.maximum(self._last, 0)
        rest = self._rest[page, last]
        unsatisfied = np.where(has_click, 1 - self._satisfaction, 1.0)
        after = (1 - unsatisfied) + unsatisfied * rest  # no click behind the last one
        satisfied = np.where(has_click, (1 - unsatisfied) / after, 0.0)
        looked = (places <= self._last[:, None]).astype(np.float64)
        looked[~has_click, 0] = 1.0
        could = went_on = 0.0
        for place in range(length - 1):
            moves = self._persistence * self._quiet[:, place + 1] / self._rest[:, place]
            is_behind = place >= self._last  # else the next one was looked at for certain
            stays = np.where(place == self._last, 1 - satisfied, looked[:, place])
            looked[:, place + 1] = np.where(is_behind, stays * moves, looked[:, place + 1])
            could += float(stays.sum())
            went_on += float(looked[:, place + 1].sum())
        self.looked, self.satisfied, self.went_on, self.could = looked, float(satisfied.sum()), went_on, could
        self._after = after

    def log_likelihood(self) -> Floats:
        """Of each page."""
        length = self._liked.shape[1]
        above = np.arange(length) <= self._last[:, None]
        each = np.where(self._clicked, np.log(np.maximum(self._liked, 1e-12)), np.log1p(-self._liked))
        moves = np.maximum(self._last, 0) * np.log(self._persistence)
        before_last = np.maximum(self._clicked.sum(axis=1) - 1, 0) * np.log1p(-self._satisfaction)
        behind = np.where(self._last >= 0, np.log(self._after), np.log(self._quiet[:, 0]))
        return np.asarray((each * above).sum(axis=1) + moves + before_last + behind, dtype=np.float64)
