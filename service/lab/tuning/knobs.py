"""Settings that are chosen among values, each of which is tried without a further search.

What a search found is kept with its scores, and a model's answer with its candidates. Other weights put the same
products into another order, by the functions that the service calls. So the choice is made in a pool that is fixed; for
the proof, every query is searched again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Protocol, cast

from rerank.query import Query
from service.lab.judged import LabQuery
from service.lab.measurement import Bench
from service.product import Product
from service.search.hybrid import HybridHit
from service.search.lexical.inverted_index import LexicalIndex
from service.search.lexical.words import lesser_words, product_words
from service.search.reranking.arrangement import Reranked, arrange, rearranged
from service.search.reranking.call import RerankCall
from service.search.reranking.reranker import LoadImages, PlannedReranker, SearchAgain
from service.search.score_fusion import fused_score, lexical_scores
from service.stores.store import Hit

POOL = 200
"""Products of a search that are put in another order."""
STEPS = tuple(step / 10 for step in range(11))
FIELD_WEIGHTS = (1.0, 0.5, 0.25, 0.1)

Order = tuple[str, ...]
Ordered = Callable[[Any], Order]
"""The order of one search under a value."""


class Knob(Protocol):
    """One setting that is chosen."""

    setting: str
    reranked: bool
    """Whether it orders what a model has ranked."""

    @property
    def rounds(self) -> Sequence[Callable[[Any], Sequence[Any]]]:
        """Each gives the values to try, by the best one so far."""

    def keep(self, bench: Bench, query: LabQuery) -> Ordered:
        """Search once. Raises as `Bench.measure`."""


class LexicalWeight:
    """How much words count against similarity."""

    setting = "hybrid_lexical_weight"
    reranked = False
    rounds = (lambda value: STEPS,)

    def keep(self, bench: Bench, query: LabQuery) -> Ordered:
        """See `Knob`."""
        return _Pool.of(bench, query).order


class FieldWeights:
    """How much the words of each field count, one field after another."""

    setting = "lexical_field_weights"
    reranked = False

    def __init__(self, products: Sequence[Product], fields: Sequence[str]) -> None:
        """`fields`: those of lexical search. Those in which no product has a word are left out."""
        self.fields = [name for name in fields if any(product_words(product, [name]) for product in products)]
        self._products, self._all_fields = products, fields

    @property
    def rounds(self) -> Sequence[Callable[[Mapping[str, float]], Sequence[Mapping[str, float]]]]:
        """See `Knob`."""
        return [partial_values(field) for field in self.fields]

    def keep(self, bench: Bench, query: LabQuery) -> Ordered:
        """See `Knob`."""
        pool = _Pool.of(bench, query)
        weight = bench.configuration.setup.hybrid.lexical_weight
        return lambda weights: pool.order(weight, self._index(tuple(sorted(weights.items()))))

    @cache  # noqa: B019 (it lives as long as one tuning)
    def _index(self, weights: tuple[tuple[str, float], ...]) -> LexicalIndex:
        index, fields = LexicalIndex(), self._all_fields
        for product in self._products:
            lesser = lesser_words(product, fields, dict(weights))
            index.put(product.id, product_words(product, fields), (), lesser, title=product.title)
        return index


def partial_values(field: str) -> Callable[[Mapping[str, float]], list[Mapping[str, float]]]:
    """The values that differ in one field alone; a weight of 1 is left out."""

    def values(value: Mapping[str, float]) -> list[Mapping[str, float]]:
        others = {name: weight for name, weight in value.items() if name != field}
        return [others if weight == 1 else {**others, field: weight} for weight in FIELD_WEIGHTS]

    return values


class FusionWeight:
    """How much the reranker counts against retrieval. One answer of the model serves all values."""

    setting = "fusion_weight"
    reranked = True
    rounds = (lambda value: STEPS,)

    def keep(self, bench: Bench, query: LabQuery) -> Ordered:
        """See `Knob`."""
        begun = bench.begun(query)
        kept = _KeptAnswer(cast("PlannedReranker", begun.reranker))
        as_set = tuple(one.product.id for one in bench.pipeline.finish(replace(begun, reranker=kept)).results)
        hits, order = begun.retrieved.hits, begun.retrieved.selection.order

        def ordered(weight: float | None) -> Order:
            if weight is None or kept.call is None or kept.call.outcome is None:  # None: the model's own
                return as_set
            plan = replace(kept.planned.plan, fusion_weight=weight)
            return tuple(one.hit.product_id for one in rearranged(arrange(plan, hits, kept.call), order).hits)

        return ordered


@dataclass(frozen=True, slots=True)
class _Pool:
    """What a hybrid search found, best first; `text`: what was searched for."""

    text: str | None
    hits: tuple[Hit, ...]

    @classmethod
    def of(cls, bench: Bench, query: LabQuery) -> _Pool:
        begun = replace(bench, k=POOL).begun(query)
        return cls(begun.retrieved.text, begun.retrieved.hits)

    def order(self, weight: float, index: LexicalIndex | None = None) -> Order:
        """The order under another weight of the words, and with the words of another index."""
        hybrid = [hit for hit in self.hits if isinstance(hit, HybridHit)]
        if len(hybrid) < len(self.hits) or self.text is None:
            return tuple(hit.product_id for hit in self.hits)
        lexical = {hit.product_id: hit.hybrid.lexical for hit in hybrid}
        if index is not None:
            matched = index.score(self.text)
            found = dict(zip(matched.ids, lexical_scores(matched).tolist(), strict=True))
            lexical = {id: found.get(id, 0.0) for id in lexical}

        def key(hit: HybridHit) -> tuple[float, float, str]:
            own, id = hit.hybrid, hit.product_id
            return -fused_score(weight, lexical[id], own.dense, own.boost), -own.dense, id

        return tuple(hit.product_id for hit in sorted(hybrid, key=key))


@dataclass(slots=True)
class _KeptAnswer:
    """A reranker that keeps what its model answered."""

    planned: PlannedReranker
    call: RerankCall | None = None

    @property
    def candidates(self) -> int:
        return self.planned.candidates

    @property
    def instructable(self) -> bool:
        return self.planned.instructable

    def rerank(self, query: Query, hits: Sequence[Hit], load: LoadImages, again: SearchAgain) -> Reranked:
        self.call = self.planned.call(query, hits, load)
        return self.planned.answer(hits, self.call)

    def overloaded(self, hits: Sequence[Hit]) -> Reranked:
        return self.planned.overloaded(hits)
