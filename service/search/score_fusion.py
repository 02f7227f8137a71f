"""Vector similarity and lexical scores fused into one score.

fused(d)   = w · lexical(d) + (1 - w) · dense(d);   where the query names values of the catalog: 1 - w/5 times that,
             plus w/5 · boost(d)
boost(d)   = 1 where the title is the query; else the share of those values that the product has
lexical(d) = 1 where the title is the query; else 0.8 times BM25 as a share of the query's own (`inverted_index`)
dense(d)   = (cosine(d) + 1) / (highest cosine + 1)

A convex combination of scores, each between its least possible value and what the best product of the query has or
could have: the theoretical min-max of Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval",
ACM TOIS 42(1), 2023, who find it better than fusion by ranks, in and out of domain. It keeps margins: a title that is
the query word for word stands far above one that shares a single word. A title that is the query and nothing more is
what was meant, so it has a lead over titles that say more.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from typing import TypeVar

import numpy as np

from service.search.lexical.inverted_index import LexicalScores, Scores
from service.search.retrieval_types import HybridOptions, HybridScores

_LESS_THAN_THE_QUERY = 0.8
_BOOST_SHARE = 0.2
"""How much the values that a query names count, as a share of its words: enough to order products that are alike in
their words, not enough to lift one over a title that is the query."""

_ROUNDING = 1e-6
"""Two ways to compute a cosine of float32 vectors differ by less."""

_Number = TypeVar("_Number", float, Scores)
Cosines = Mapping[str, float]
"""Of products with the query, by product id."""


class ScoreFusion:
    """The scores of one query; `matched`: the products that share words with it."""

    def __init__(self, matched: LexicalScores, options: HybridOptions) -> None:
        """Nothing is known of the cosines yet."""
        self._matched = matched
        self._weight = options.lexical_weight
        self._is_boosted = bool(matched.raised.any()) and options.lexical_weight > 0
        self._lexical = lexical_scores(matched)
        self._boost = np.where(matched.titled, 1.0, matched.raised)

    def fused(self, cosines: Cosines) -> dict[str, float]:
        """The fused scores of products."""
        dense = _dense(cosines)
        return {id: self._fused(*self._words(id), dense[id]) for id in cosines}

    def scores(self, cosines: Cosines, *, is_filtered: bool) -> dict[str, HybridScores]:
        """All scores of products. Ranks by cosine are among them; those by words, too, if other products of the catalog
        may not have passed a filter.
        """
        dense, fused = _dense(cosines), self.fused(cosines)
        words = {id: self._words(id) for id in cosines}
        ascending = np.sort([lexical for lexical, _ in words.values()] if is_filtered else self._lexical)
        better = {
            id: ascending.size - int(ascending.searchsorted(lexical, "right")) for id, (lexical, _) in words.items()
        }
        ranks = shared_ranks(dense)
        return {
            id: HybridScores(
                fused[id],
                dense[id],
                lexical,
                ranks[id],
                1 + better[id] if lexical else None,
                boost if self._is_boosted else None,
            )
            for id, (lexical, boost) in words.items()
        }

    def within_reach(self, nearest: Cosines, compared: Cosines, *, wanted: int, most: int) -> list[str]:
        """Products that may be among the best `wanted` of all, the most promising first: of so many by their words,
        those that are neither among the `nearest` nor `compared`.
        """
        at_most, least = self._bounds(nearest, compared, wanted)
        promising = self._matched.best(most, by=at_most, least=least)
        return [id for id in promising if id not in nearest and id not in compared]

    def count_within_reach(self, nearest: Cosines, *, wanted: int) -> int:
        """How many such products there are."""
        at_most, least = self._bounds(nearest, {}, wanted)
        places = [place for id in nearest if (place := self._matched.place(id)) is not None]
        return int(np.count_nonzero(at_most >= least) - np.count_nonzero(at_most[places] >= least))

    def _bounds(self, nearest: Cosines, compared: Cosines, wanted: int) -> tuple[Scores, float]:
        """The highest fused scores that the matched products can have, and what they must have to be among the best.

        They are no more similar than the last of the nearest, as far as the index is exact: the threshold algorithm of
        Fagin, Lotem and Naor, "Optimal Aggregation Algorithms for Middleware", Journal of Computer and System Sciences
        66(4), 2003.
        """
        known = {**nearest, **compared}
        last = _dense(known)[min(nearest, key=nearest.__getitem__)]
        reached = heapq.nlargest(wanted, self.fused(known).values())[-1]
        return self._fused(self._lexical, self._boost, last), reached - _ROUNDING

    def _words(self, id: str) -> tuple[float, float]:
        """The lexical score and the boost of a product."""
        place = self._matched.place(id)
        return (0.0, 0.0) if place is None else (float(self._lexical[place]), float(self._boost[place]))

    def _fused(self, lexical: _Number, boost: _Number, dense: float) -> _Number:
        return fused_score(self._weight, lexical, dense, boost if self._is_boosted else None)


def fused_score(weight: float, lexical: _Number, dense: float, boost: _Number | None) -> _Number:
    """The formula above; `weight`: that of the words; `boost` None: the query names no value of the catalog."""
    both = weight * lexical + (1 - weight) * dense
    return both if boost is None else (1 - _BOOST_SHARE * weight) * both + _BOOST_SHARE * weight * boost


def lexical_scores(matched: LexicalScores) -> Scores:
    """The lexical scores of the products of `matched`."""
    return np.where(matched.titled, 1.0, _LESS_THAN_THE_QUERY * matched.scores)


def shared_ranks(scores: Mapping[str, float]) -> dict[str, int]:
    """Ranks from 1, the highest score first; equal scores share the better rank ("1, 2, 2, 4")."""
    ranks: dict[str, int] = {}
    rank, before = 0, None
    for place, (id, score) in enumerate(sorted(scores.items(), key=lambda item: -item[1]), start=1):
        if score != before:
            rank, before = place, score
        ranks[id] = rank
    return ranks


def _dense(cosines: Cosines) -> dict[str, float]:
    highest = max(cosines.values(), default=0.0)
    return {id: (cosine + 1) / (highest + 1) if highest > -1 else 1.0 for id, cosine in cosines.items()}
