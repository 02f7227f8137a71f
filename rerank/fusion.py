"""One order out of two: weighted reciprocal rank fusion.

Formula: score(d) = w / (k + rerank rank) + (1 - w) / (k + retrieval rank), ranks from 1, k = 60.
Source: Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning
Methods", SIGIR 2009; the weight is the usual extension. Ranks rather than scores, because listwise answers have no
scores and cosine similarities have no common scale with logits.
"""

from collections.abc import Sequence

from rerank.ranking import Ranking

__all__ = ["RRF_K", "fuse"]

RRF_K = 60
"""Damping constant of the paper."""


def fuse(
    ranking: Ranking, retrieval_scores: Sequence[float], weight: float = 1.0, *, k: int = RRF_K
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Fuse a ranking with the retrieval scores of its candidates (by position, higher is better).

    `weight` 1 keeps the reranked order, 0 the retrieval order; in between, one reranked surprise moves a candidate
    only so far. Returns the fused order (always a permutation, best first) and the fused scores by candidate
    position. Ties go to the reranked order. ValueError for a weight outside 0…1 or a wrong number of scores.
    """
    n = len(ranking.order)
    if not 0.0 <= weight <= 1.0:
        raise ValueError(f"the fusion weight must lie between 0 and 1, not {weight}")
    if len(retrieval_scores) != n:
        raise ValueError(f"{len(retrieval_scores)} retrieval scores for {n} candidates")
    reranked = _ranks(ranking.order)
    retrieved = _ranks(sorted(range(n), key=lambda place: -retrieval_scores[place]))
    scores = tuple(weight / (k + reranked[i]) + (1.0 - weight) / (k + retrieved[i]) for i in range(n))
    return tuple(sorted(ranking.order, key=lambda place: -scores[place])), scores


def _ranks(order: Sequence[int]) -> dict[int, int]:
    """Candidate position → rank from 1."""
    return {place: rank for rank, place in enumerate(order, start=1)}
