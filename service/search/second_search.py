"""One more search, by the query moved toward the best products of a ranking.

q' = L2norm(q + 0.75 · mean(best)): Rocchio, "Relevance Feedback in Information Retrieval", in Salton (ed.), The SMART
Retrieval System, 1971; on embeddings: Li et al., "Pseudo Relevance Feedback with Deep Language Models and Dense
Retrievers", ACM TOIS 41(3), 2023 (arXiv 2108.11044). The weight is that of Manning, Raghavan and Schütze, Introduction
to Information Retrieval, 2008, section 9.1.1. The query is not moved away from the last of a ranking (the formula's
third term has the weight 0): they are the last of the nearest, not examples of what is not wanted. That the verdict of
a reranker finds what retrieval missed: Gangi Reddy et al., "ReFIT: Relevance Feedback from a Reranker during
Inference", 2023 (arXiv 2305.11744).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from service.search.hybrid import compare
from service.search.retrieved import Further, Retrieved
from service.search.selection import select
from service.search.types import SearchRequest
from service.stores.store import Hit, Store, Vector

POSITIVE_WEIGHT = 0.75


def moved_toward(vector: Vector, best: Sequence[Vector]) -> Vector:
    """The query's vector for a second search; all are float32 [dimension], L2-normalized."""
    moved = vector + np.float32(POSITIVE_WEIGHT) * np.mean(best, axis=0) if best else vector
    return np.asarray(moved / max(float(np.linalg.norm(moved)), 1e-12), np.float32)


def further(
    store: Store,
    first: Retrieved,
    request: SearchRequest,
    hits: Sequence[Hit],
    *,
    known: Collection[str],
    most: int,
) -> Further:
    """What the hits of a second search add to the first: at most so many that are not known, under all conditions.

    They are what the first search would have found, had it looked further, so that similarities, ranks, groups and the
    least score mean what they do elsewhere. Raises StoreUnavailable.
    """
    before = first.selection
    looked_at = {hit.product_id: hit for hit in before.candidates}
    unknown = [hit for hit in hits if hit.product_id not in known]
    least = -math.inf if request.min_score is None else request.min_score
    new = [hit for hit in _as_first_found(store, first.vector, looked_at, unknown) if hit.score >= least]
    outside = [hit for hit in new if hit.product_id not in looked_at]
    selection = select(store, [*before.candidates, *outside], (), before.ruling.rules, request) if outside else before
    return Further(
        hits=tuple(hit for hit in new if hit.product_id in selection.ranks)[:most],
        selection=selection,
    )


def _as_first_found(store: Store, vector: Vector, looked_at: Mapping[str, Hit], hits: Sequence[Hit]) -> list[Hit]:
    """The hits with their similarities to the query as it was sent, without those that were deleted since."""
    others = compare(store, vector, None, [hit.product_id for hit in hits if hit.product_id not in looked_at])
    return [
        looked_at.get(hit.product_id) or _scored(hit, others[hit.product_id])
        for hit in hits
        if hit.product_id in looked_at or hit.product_id in others
    ]


def _scored(hit: Hit, compared: Hit) -> Hit:
    """A hit with the row and the similarity of another search."""
    names = ("id", "product", "content_hash", "updated_at", "score", "revision")
    return replace(hit, **{name: getattr(compared, name) for name in names})
