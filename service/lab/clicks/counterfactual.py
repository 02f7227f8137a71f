"""What another order would be clicked, from a log in which it was not shown: inverse propensity scoring.

    IPS      Σ clicks · weight / searches, where weight[d] = examination[rank in the other order] / propensity[d]
    clipped  the same with weights of at most `CLIP`: too low, if anything, and less at the mercy of single clicks
    SNIPS    IPS over the share of the other order's looks that the log has: what was never shown is taken to be as
             attractive as the rest

The position-based estimator of Li et al., "Offline Evaluation of Ranking Policies with Click Models", KDD 2018;
clipping by Ionides, "Truncated Importance Sampling", 2008; self-normalized as by Swaminathan & Joachims, NIPS 2015.
Bias and intervals are those of the Bayesian bootstrap (Rubin 1981; "basic" in Davison & Hinkley 1997, section 5.2, in
logarithms) over users, with examination and propensities estimated each time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.lab.clicks import position_based
from service.lab.clicks.cells import CellIndex, Cells, sums
from service.lab.clicks.click_log import ClickLog
from service.lab.clicks.other_order import OtherOrder
from service.lab.clicks.propensities import logged_chances
from service.wire.feedback import FeedbackKind

Floats = NDArray[np.float64]

CLIP = 10.0
RESAMPLES = 400
CONFIDENCE = 0.95
_TINY = 1e-9  # events a search, where the logarithm needs some
ENOUGH_CLICKS = 5_000
"""In interleaved searches, from which on the examination is estimated from them alone: there, nothing but coins moves
products. Otherwise, users may have changed together with the order."""


@dataclass(frozen=True)
class Figure:
    """A number of events a search, with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Counterfactual:
    """What is estimated of an order.

    `difference`: of SNIPS, to SNIPS of the order that it was held against, or to what was logged. `covered`: the share
    of its looks that go to products which the log can have shown. `effective_clicks`: as many equally weighted clicks
    would know as much (Kish 1965).
    """

    name: str
    searches: int
    logged: float
    covered: float
    effective_clicks: float
    ips: Figure
    clipped: Figure
    snips: Figure
    difference: Figure


class Estimator:
    """Estimates other orders of the first pages of a log that has its drafts."""

    def __init__(self, log: ClickLog, event: FeedbackKind | None = None) -> None:
        """`event`: what is counted; products with any event if not given."""
        self.log, self._outcome = log, log.clicked if event is None else log.had(event)
        self._pairs, self._ranks = len(log.pair_query), int(log.rank.max(initial=0)) + 1
        self._search = np.repeat(np.arange(log.searches), log.lengths)
        self._chances = logged_chances(log)
        self.drafted = self._chances.drafted
        self.by_chance, self._cells = self._telling()
        self._weights = np.ones(log.searches)
        self.separate_ranks = position_based.separate_ranks(self._count(self._weights), self._pairs, self._ranks)
        self.examination = position_based.examinations(self._count(self._weights), self._pairs, self._ranks)

    def estimate(
        self,
        orders: Sequence[OtherOrder],
        *,
        against: OtherOrder | None = None,
        resamples: int = RESAMPLES,
        seed: int = 0,
        tell: Callable[[int, int], None] | None = None,
    ) -> list[Counterfactual]:
        """Estimate each order. `against`: one of them, or None for what was logged; `tell` is told resamples done."""
        matched = [_Matched(order, self.log, self._search, self._outcome) for order in orders]
        other = None if against is None else list(orders).index(against)
        found = self._figures(matched, self._weights, self.examination, other)
        random, users = np.random.default_rng(seed), int(self.log.users.max(initial=0)) + 1
        drawn = np.empty((resamples, *found.shape))
        for turn in range(resamples):
            weights = random.exponential(size=users)[self.log.users]
            looked = position_based.examinations(self._count(weights), self._pairs, self._ranks, self.examination)
            drawn[turn] = self._figures(matched, weights, looked, other)
            if tell is not None:
                tell(turn + 1, resamples)
        corrected, reflected = _reflected(found, drawn)
        tail = (1 - CONFIDENCE) / 2
        low, high = np.quantile(reflected, [tail, 1 - tail], axis=0)
        return [
            one.result(
                [Figure(*map(float, row)) for row in rows.T],
                self.examination,
                self._propensity(one, self.examination, self._weights),
            )
            for one, rows in zip(matched, np.stack([corrected, low, high], axis=1), strict=True)
        ]

    def _figures(self, matched: Sequence[_Matched], weights: Floats, looked: Floats, other: int | None) -> Floats:
        """IPS, clipped, SNIPS and what SNIPS is held against, of each order [orders, 4]."""
        each = np.array([one.estimates(weights, looked, self._propensity(one, looked, weights)) for one in matched])
        held = each[:, 3] if other is None else np.full(len(each), each[other, 2])
        return np.column_stack([each[:, :3], held])

    def _propensity(self, one: _Matched, looked: Floats, weights: Floats) -> Floats:
        return self._chances.propensities(looked, weights * one.has_order, self.log.pair_query)

    def _count(self, weights: Floats) -> Cells:
        return self._cells.count(weights[self._search])

    def _telling(self) -> tuple[bool, CellIndex]:
        """The impressions that tell of the examination: those of drafts if they are enough, and whether they are."""
        drafted = self.drafted[self._search]
        if float(self.log.clicked[drafted].sum()) >= ENOUGH_CLICKS:
            index = CellIndex(self.log, drafted)
            cells = index.count(np.ones(len(self.log.pair)))
            reached = len(np.unique(cells.rank)) == len(np.unique(self.log.rank))
            if reached and position_based.separate_ranks(cells, self._pairs, self._ranks) == 1:
                return True, index
        return False, CellIndex(self.log)


def _reflected(found: Floats, drawn: Floats) -> tuple[Floats, Floats]:
    """What was found [orders, 4] without its bias, and the draws [resamples, orders, 4] reflected at it, both with the
    difference of the last two in place of the last.

    As the draws are around what was found, so that is around the truth: an examination too small by chance makes more
    of a click than one too large makes less of it. They are so in their logarithms: numbers of events are never below
    0, and a rank that hardly anybody of a draw looked at makes one draw many times as large as the others.
    """
    logs, drawn_logs = np.log(np.maximum(found, _TINY)), np.log(np.maximum(drawn, _TINY))
    corrected, reflected = np.exp(2 * logs - drawn_logs.mean(axis=0)), np.exp(2 * logs - drawn_logs)
    return _with_difference(corrected), _with_difference(reflected)


def _with_difference(figures: Floats) -> Floats:
    return np.concatenate([figures[..., :3], figures[..., 2:3] - figures[..., 3:]], axis=-1)


class _Matched:
    """The entries of an order [E] with what was logged of their products in the same search. `has_order`: [S], 1 for
    the searches that it is of.
    """

    def __init__(self, order: OtherOrder, log: ClickLog, search: NDArray[np.int64], outcome: Floats) -> None:
        self._order, pairs = order, len(log.pair_query)
        key = search * pairs + log.pair
        sorted_by = np.argsort(key)
        wanted = order.search.astype(np.int64) * pairs + order.pair
        place = np.minimum(np.searchsorted(key, wanted, sorter=sorted_by), len(key) - 1)
        shown = (order.pair >= 0) & (key[sorted_by[place]] == wanted)
        self._outcome = np.where(shown, outcome[sorted_by[place]], 0.0)
        self.logged_rank = np.where(shown, log.rank[sorted_by[place]], -1)
        self._searches = np.unique(order.search)
        self.has_order = np.zeros(log.searches)
        self.has_order[self._searches] = 1.0
        self._each = sums(search, log.searches, outcome)[self._searches]

    def estimates(self, weights: Floats, looked: Floats, propensity: Floats) -> tuple[float, float, float, float]:
        """IPS, clipped, SNIPS, and what was logged. `weights`: [S]; `looked`: [ranks]; `propensity`: [P]."""
        ratio, weight = self._ratio(looked, propensity), weights[self._order.search]
        total = float(weights[self._searches].sum())
        seen = np.where(self.logged_rank >= 0, looked[self.logged_rank], 0.0)
        had, wanted = float((weight * ratio * seen).sum()), float((weight * looked[self._order.rank]).sum())
        ips = float((weight * ratio * self._outcome).sum()) / total
        clipped = float((weight * np.minimum(ratio, CLIP) * self._outcome).sum()) / total
        logged = float((weights[self._searches] * self._each).sum()) / total
        return ips, clipped, ips * wanted / had if had else 0.0, logged

    def result(self, figures: Sequence[Figure], looked: Floats, propensity: Floats) -> Counterfactual:
        """With what says how far it can be trusted."""
        ratio, wanted = self._ratio(looked, propensity), looked[self._order.rank]
        on_clicks = ratio * self._outcome
        squares = float((on_clicks**2).sum())
        return Counterfactual(
            self._order.name,
            len(self._searches),
            float(self._each.mean()),
            float(wanted[ratio > 0].sum() / wanted.sum()),
            float(on_clicks.sum()) ** 2 / squares if squares else 0.0,
            *figures,
        )

    def _ratio(self, looked: Floats, propensity: Floats) -> Floats:
        """The weight of each entry; 0 for what the log cannot have shown."""
        known = np.where(self._order.pair >= 0, propensity[self._order.pair], 0.0)
        return np.where(known > 0, looked[self._order.rank] / np.maximum(known, 1e-12), 0.0)
