"""Hybrid retrieval: vector similarity and lexical scores fused into one order.

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

`starter/README.md` has what it does on the demo shop and on products that nothing was trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from service.search.hybrid_defaults import HybridDefaults
from service.search.lexical.inverted_index import LexicalScores
from service.search.lexical.words import words
from service.search.retrieval_types import HybridOptions, HybridScores
from service.stores.filter_evaluation import matches
from service.stores.filters import MAX_IN_VALUES, Filter
from service.stores.store import Hit, Store, Vector
from service.support.batches import in_batches

MOST_TITLES = 2048
"""Lexical candidates to consider when a filter may exclude some of them."""

_LESS_THAN_THE_QUERY = 0.8
BOOST_SHARE = 0.2
"""How much the values that a query names count, as a share of its words: enough to order products that are alike in
their words, not enough to lift one over a title that is the query."""


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
    text: str,
    options: HybridOptions,
    *,
    limit: int,
    filter: Filter | None,
) -> list[HybridHit]:
    """The best `limit` products by both scores, best first; `matched`: those that share words with the text.

    Both searches return the `limit` best products, and every product found by one has the other's score, too. Raises
    StoreUnavailable.
    """
    pool = {hit.product_id: hit for hit in store.search(vector, limit=limit, filter=filter)}
    if len(pool) == limit:  # else these are all that pass the filter
        label_weight = BOOST_SHARE / _LESS_THAN_THE_QUERY
        order = matched.best(limit if filter is None else MOST_TITLES, label_weight)
        passing = partial(compare, store, vector, filter)
        pool |= _compared(passing, order, pool, limit)
    lexical = lexical_scores(text, matched, pool)
    dense = _dense(pool)
    boost = {id: 1.0 if lexical[id] == 1 else matched.raised_of.get(id, 0.0) for id in pool}
    weight = options.lexical_weight
    boosted = bool(matched.raised_of) and weight > 0
    fused = {id: fused_score(weight, lexical[id], dense[id], boost[id] if boosted else None) for id in pool}
    ranks = shared_ranks(dense), shared_ranks({id: score for id, score in lexical.items() if score})
    order = sorted(pool, key=lambda id: (-fused[id], -dense[id], id))[:limit]
    scores = (
        HybridScores(fused[id], dense[id], lexical[id], ranks[0][id], ranks[1].get(id), boost[id] if boosted else None)
        for id in order
    )
    return [_join(pool[id], score) for id, score in zip(order, scores, strict=True)]


def shared_ranks(scores: Mapping[str, float]) -> dict[str, int]:
    """Ranks from 1, the highest score first; equal scores share the better rank ("1, 2, 2, 4")."""
    ranks: dict[str, int] = {}
    rank, before = 0, None
    for place, (id, score) in enumerate(sorted(scores.items(), key=lambda item: -item[1]), start=1):
        if score != before:
            rank, before = place, score
        ranks[id] = rank
    return ranks


def _compared(
    compare: Callable[[list[str]], dict[str, Hit]], order: Sequence[str], pool: Mapping[str, Hit], limit: int
) -> dict[str, Hit]:
    """The first `limit` of these products that pass the filter, without those of the pool, which do."""
    found: dict[str, Hit] = {}
    passed = 0
    for batch in in_batches(order, MAX_IN_VALUES):
        further = [id for id in batch if id not in pool]
        found |= compare(further)
        passed += len(batch) - len(further)
        if passed + len(found) >= limit:
            break
    return found


def compare(store: Store, vector: Vector, filter: Filter | None, ids: list[str]) -> dict[str, Hit]:
    """Those of these products that pass the filter, with their cosines.

    The filter is evaluated here, on few products: Milvus Lite would go through the whole catalog each time.
    """
    if not ids:
        return {}
    hits = store.search(vector, limit=len(ids), filter=Filter.model_validate({"id": {"in": ids}}))
    return {hit.product_id: hit for hit in hits if filter is None or matches(filter, hit.product)}


def fused_score(weight: float, lexical: float, dense: float, boost: float | None) -> float:
    """The formula above; `weight`: that of the words; `boost` None: the query names no value of the catalog."""
    share = 0.0 if boost is None else BOOST_SHARE * weight
    return (1 - share) * (weight * lexical + (1 - weight) * dense) + share * (boost or 0.0)


def lexical_scores(text: str, matched: LexicalScores, pool: Mapping[str, Hit]) -> dict[str, float]:
    """The lexical scores of products, by id; `matched`: those that share words with the text."""
    query = words(text)
    known = ((id, matched.of.get(id, 0.0), hit.product.title) for id, hit in pool.items())
    return {id: 1.0 if score and words(title) == query else _LESS_THAN_THE_QUERY * score for id, score, title in known}


def _dense(pool: Mapping[str, Hit]) -> dict[str, float]:
    highest = max((hit.score for hit in pool.values()), default=0.0)
    return {id: (hit.score + 1) / (highest + 1) if highest > -1 else 1.0 for id, hit in pool.items()}


def _join(hit: Hit, scores: HybridScores) -> HybridHit:
    return HybridHit(hit.id, hit.product, hit.content_hash, hit.updated_at, hit.score, hit.revision, hybrid=scores)
