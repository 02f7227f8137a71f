"""Fusion of the reranker's order with the retrieval order, by weight.

rrf     score(d) = w / (k + rerank rank) + (1 - w) / (k + retrieval rank), ranks from 1, k = 60. Weighted reciprocal
        rank fusion: Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank
        Learning Methods", SIGIR 2009; the weight is the usual extension. It needs no scores and no common scale.
scores  score(d) = w · rerank score + (1 - w) · retrieval score, each brought to 0…1 by (s - min) / (max - min) over the
        candidates. Min-max normalization: Lee, "Analyses of Multiple Evidence Combination", SIGIR 1997; as a convex
        combination it was compared with rrf by Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid
        Retrieval", ACM TOIS 42(1), 2023. It keeps how far apart candidates are, which ranks forget.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from rerank.ranking import Ranking

__all__ = ["RRF_K", "FusionMethod", "fuse"]

FusionMethod = Literal["rrf", "scores"]

RRF_K = 60
"""Damping constant of the paper."""


def fuse(
    ranking: Ranking,
    retrieval_scores: Sequence[float],
    weight: float = 1.0,
    *,
    method: FusionMethod = "rrf",
    k: int = RRF_K,
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Fuse a ranking with the retrieval scores of its candidates (by position, higher is better).

    `weight` 1 keeps the reranked order, 0 the retrieval order; in between, one reranked surprise moves a candidate
    only so far. Returns the fused order (always a permutation, best first) and the fused scores by candidate
    position. Ties go to the reranked order. ValueError for a weight outside 0…1 or a wrong number of scores.

    "scores" falls back to "rrf" where a candidate has no score, or where the reranked order is not the order of its
    scores (a generated order may differ from that of the first label's logits), so that the two weights at the ends
    always mean what they say.
    """
    n = len(ranking.order)
    if not 0.0 <= weight <= 1.0:
        raise ValueError(f"the fusion weight must be between 0 and 1, not {weight}")
    if len(retrieval_scores) != n:
        raise ValueError(f"{len(retrieval_scores)} retrieval scores for {n} candidates")
    # At weight 0 ranks say all there is to say, and keep candidates with equal scores as retrieval gave them.
    parts = _normalized(ranking, retrieval_scores) if method == "scores" and weight > 0.0 else None
    reranked, retrieved = parts or _reciprocal(ranking, retrieval_scores, k)
    scores = tuple(weight * reranked[place] + (1.0 - weight) * retrieved[place] for place in range(n))
    return tuple(sorted(ranking.order, key=lambda place: -scores[place])), scores


def _reciprocal(ranking: Ranking, retrieval_scores: Sequence[float], k: int) -> tuple[list[float], list[float]]:
    """1 / (k + rank) by candidate position, of both orders."""
    places = range(len(ranking.order))
    reranked = _ranks(ranking.order)
    retrieved = _ranks(sorted(places, key=lambda place: -retrieval_scores[place]))
    return [1 / (k + reranked[place]) for place in places], [1 / (k + retrieved[place]) for place in places]


def _ranks(order: Sequence[int]) -> dict[int, int]:
    """Candidate position → rank from 1."""
    return {place: rank for rank, place in enumerate(order, start=1)}


def _normalized(ranking: Ranking, retrieval_scores: Sequence[float]) -> tuple[list[float], list[float]] | None:
    """Both scores by candidate position, brought to 0…1; None if they cannot be used."""
    known = [score for score in ranking.scores or () if score is not None]
    if len(known) < len(ranking.order) or any(known[a] < known[b] for a, b in pairwise(ranking.order)):
        return None
    reranked, retrieved = _min_max(known), _min_max(retrieval_scores)
    return None if reranked is None or retrieved is None else (reranked, retrieved)


def _min_max(scores: Sequence[float]) -> list[float] | None:
    """(s - min) / (max - min); all 0 if they are equal, None if one is not finite."""
    low, high = min(scores, default=0.0), max(scores, default=0.0)
    span = high - low
    if not (math.isfinite(span) and all(map(math.isfinite, scores))):
        return None
    return [(score - low) / span if span else 0.0 for score in scores]
