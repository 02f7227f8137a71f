"""Hybrid retrieval: the products that are best by vector similarity and words together.

The vector search returns few products. No other is more similar than the last of them, so that its words say how high
its fused score can be (`score_fusion`), and only those that may still be among the best are compared with the query.
`starter/README.md` has what hybrid search does on the demo shop and on products that nothing was trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from service.search.hybrid_defaults import HybridDefaults
from service.search.lexical.inverted_index import LexicalScores
from service.search.lexical.words import words
from service.search.retrieval_types import HybridOptions, HybridScores
from service.search.score_fusion import Cosines, ScoreFusion
from service.stores.filter_evaluation import matches
from service.stores.filters import Filter
from service.stores.store import Hit, Store, Vector

MOST_COMPARED = 2048
"""Products to compare by their words when a filter may exclude some of them."""

_FEW = 3
"""As many times more products than are wanted does a vector search return at first."""

_AT_ONCE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class HybridHit(Hit):
    """A hit whose place comes from both scores; `score` is still the cosine."""

    hybrid: HybridScores

    @property
    def order_score(self) -> float:
        """The fused score."""
        return self.hybrid.fused


def hybrid_options(
    defaults: HybridDefaults, text: str | None, *, enabled: bool | None = None, lexical_weight: float | None = None
) -> HybridOptions | None:
    """The hybrid options of a search, or None. The only place that decides this: for the service, the commands and the
    lab.

    `enabled` None: as the service is set, and then only for queries that have words.
    """
    by_default = defaults.enabled and bool(text and words(text))
    if not (by_default if enabled is None else enabled):
        return None
    weight = defaults.lexical_weight if lexical_weight is None else lexical_weight
    return HybridOptions(weight, required=enabled is True)


def hybrid_search(
    store: Store,
    matched: LexicalScores,
    vector: Vector,
    options: HybridOptions,
    *,
    limit: int,
    filter: Filter | None,
    wanted: int | None = None,
) -> list[HybridHit]:
    """The best `wanted` products (None: `limit`) by both scores, best first; `matched`: those that share words with the
    text.

    They are the best of the catalog, unless their words bring too many others within reach: then the best of the
    `limit` most similar products and of the `limit` that are most promising by their words. Raises StoreUnavailable.
    """
    wanted = limit if wanted is None else wanted
    fusion = ScoreFusion(matched, options)
    for size in sorted({min(_FEW * wanted, limit), limit}):
        pool = {hit.product_id: hit for hit in store.search(vector, limit=size, filter=filter)}
        nearest = _cosines(pool)
        if len(pool) < size or fusion.count_within_reach(nearest, wanted=wanted) <= limit - size:
            break
    if len(pool) == size:  # else these are all that pass the filter
        most = limit if filter is None else MOST_COMPARED
        within_reach = partial(fusion.within_reach, nearest, wanted=wanted, most=most)
        pool |= _compared(partial(compare, store, vector, filter), within_reach, wanted, limit)
    scores = fusion.scores(_cosines(pool), is_filtered=filter is not None)
    order = sorted(pool, key=lambda id: (-scores[id].fused, -scores[id].dense, id))[:wanted]
    return [_join(pool[id], scores[id]) for id in order]


def _compared(
    compare: Callable[[list[str]], dict[str, Hit]], within_reach: Callable[[Cosines], list[str]], first: int, most: int
) -> dict[str, Hit]:
    """Those products within reach that pass the filter, until there are so many. The first few are compared alone: they
    raise what the others must reach.
    """
    found: dict[str, Hit] = {}
    order, batch = within_reach({}), first
    while order and len(found) < most:
        passing = compare(order[:batch])
        found |= passing
        order, batch = order[batch:], _AT_ONCE
        if order and passing:
            still = set(within_reach(_cosines(found)))
            order = [id for id in order if id in still]
    return found


def compare(store: Store, vector: Vector, filter: Filter | None, ids: list[str]) -> dict[str, Hit]:
    """Those of these products that pass the filter, by the best of their rows.

    They are read by their keys, and the filter is evaluated here: Milvus Lite would go through the whole catalog.
    """
    read = store.may_pass(ids, filter) if ids and filter is not None else ids
    found = store.products(read) if read else {}
    passing = (rows for rows in found.values() if filter is None or matches(filter, rows[0].product))
    scored = ([row.found(_cosine(row.vector, vector)) for row in rows] for rows in passing)
    return {hits[0].product_id: max(hits, key=lambda hit: hit.score) for hits in scored}


def _cosines(hits: Mapping[str, Hit]) -> Cosines:
    return {id: hit.score for id, hit in hits.items()}


def _cosine(one: Vector, other: Vector) -> float:
    """Of unit vectors, whose product float32 may make slightly more than 1."""
    return min(1.0, max(-1.0, float(one @ other)))


def _join(hit: Hit, scores: HybridScores) -> HybridHit:
    return HybridHit(hit.id, hit.product, hit.content_hash, hit.updated_at, hit.score, hit.revision, hybrid=scores)
