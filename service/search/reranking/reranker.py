"""What puts the hits of a search in order: the interface that the search pipeline calls, and a plan behind it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from rerank.candidates import Candidate
from rerank.degraded import Degraded
from rerank.query import Query
from service.errors import RerankRequired
from service.images.store.image_store import hash_in
from service.product import Product
from service.search.reranking.arrangement import Reranked, arrange, in_retrieval_order
from service.search.reranking.call import RerankCall
from service.search.reranking.candidate_features import FeatureUse
from service.search.reranking.candidate_images import SeenImage
from service.search.reranking.plan import RerankPlan
from service.search.reranking.runner import RerankRunner
from service.search.retrieved import Further
from service.stores.store import Hit

LoadImages = Callable[[Sequence[Hit], FeatureUse | None, float], Sequence[SeenImage]]
"""Loads what is to be seen of hits, images or features, once for each; until a deadline (`time.monotonic()`)."""


class SearchAgain(Protocol):
    """Further searches under the conditions of the first one."""

    def toward(self, best: Sequence[Hit], known: Collection[str], most: int) -> Further:
        """One more search like the best products of a ranking, which adds at most so many that are not known.
        Raises StoreUnavailable.
        """

    def including(self, hits: Sequence[Hit]) -> Further:
        """What another retrieval found and the first one did not, as that would have found it.

        Raises StoreUnavailable.
        """


class Reranker(Protocol):
    """Reranks the hits of one search. It is chosen before they are found, since it says how many it is to see."""

    @property
    def candidates(self) -> int:
        """How many of the first hits it looks at; 0 if it keeps the retrieval order."""

    @property
    def instructable(self) -> bool:
        """Whether an instruction of the query reaches its model."""

    def rerank(self, query: Query, hits: Sequence[Hit], load: LoadImages, again: SearchAgain) -> Reranked:
        """The hits in final order, each exactly once, with those that were found by searching again, if any.

        Raises:
            InvalidValue: the prompt does not fit the engine.
            RerankRequired: the request requires the reranker's order, and this would be another one.
        """

    def overloaded(self, hits: Sequence[Hit]) -> Reranked:
        """The same where there is no room to ask a model: in retrieval order. Raises RerankRequired."""


class RetrievalOrder:
    """Keeps the retrieval order."""

    candidates = 0
    instructable = False

    def rerank(self, query: Query, hits: Sequence[Hit], load: LoadImages, again: SearchAgain) -> Reranked:
        """The hits as they are."""
        return in_retrieval_order(hits)

    def overloaded(self, hits: Sequence[Hit]) -> Reranked:
        """The hits as they are."""
        return in_retrieval_order(hits)


@dataclass(frozen=True, slots=True)
class PlannedReranker:
    """Reranks as one plan says; `runner` has the slots at the model."""

    runner: RerankRunner
    plan: RerankPlan

    @property
    def candidates(self) -> int:
        """As planned."""
        return self.plan.candidates

    @property
    def instructable(self) -> bool:
        """As the strategy's model is."""
        return self.plan.strategy.instructable

    def rerank(self, query: Query, hits: Sequence[Hit], load: LoadImages, again: SearchAgain) -> Reranked:
        """Ask the model about the first hits, and arrange them by its answer."""
        return self.answer(hits, self.call(query, hits, load))

    def overloaded(self, hits: Sequence[Hit]) -> Reranked:
        """The retrieval order, which says why."""
        return self.answer(hits, RerankCall(degraded=Degraded.OVERLOADED))

    def call(self, query: Query, hits: Sequence[Hit], load: LoadImages) -> RerankCall:
        """Ask the model. Loading the images takes a slot, and of the time, too. Raises InvalidValue as `rerank`."""
        if not hits:  # nothing matched the filter: there is nothing to rank and nothing to complain about
            return RerankCall()
        if self.plan.steps_back and query.image is None:
            return RerankCall(degraded=Degraded.LOW_TRUST)

        def candidates(deadline: float) -> tuple[Candidate, ...]:
            shown = hits[: self.plan.candidates]
            return as_candidates(shown, load(shown, self.plan.features, deadline))

        return self.runner.ask(self.plan, query, candidates)

    def arrange(self, hits: Sequence[Hit], call: RerankCall) -> Reranked:
        """The order that the plan derives from an answer of the model."""
        return arrange(self.plan, hits, call)

    def answer(self, hits: Sequence[Hit], call: RerankCall) -> Reranked:
        """The same if it may be the answer. Raises RerankRequired."""
        reranked = self.arrange(hits, call)
        report = reranked.report
        if report.degraded and self.plan.require:
            raise RerankRequired(fault=report.fault, degraded=report.degraded)
        return reranked


def as_candidates(hits: Sequence[Hit], seen: Sequence[SeenImage]) -> tuple[Candidate, ...]:
    """Hits as a model is asked about them."""
    return tuple(_candidate(hit.product, one, hit.score) for hit, one in zip(hits, seen, strict=True))


def _candidate(product: Product, seen: SeenImage, score: float) -> Candidate:
    """A product as the model sees it; its facts are what a prompt may ask for besides the title."""
    facts = {**product.attributes, "category": product.category, "price": product.price}
    content_hash = hash_in(product.image_key) or None
    return Candidate(product.id, product.title, seen.image, score, content_hash, facts, seen.features)
