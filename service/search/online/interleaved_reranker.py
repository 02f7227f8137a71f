"""Two rerankers as one, for searches that compare two configurations: their orders of the same hits, interleaved.

The model is called once if the two differ in fusion alone, or if one of them does not rerank. Otherwise it is
called twice, in sequence, within the one deadline of the search; captions and thumbnails are shared by caches.
Where either of them has no order of its own, the first one's answer stands as it would without the other.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rerank.degraded import Degraded
from rerank.query import Query
from service.errors import InvalidValue
from service.search.online.team_draft import team_draft
from service.search.reranking.arrangement import RankedHit, Reranked, in_retrieval_order, spent
from service.search.reranking.call import RerankCall
from service.search.reranking.plan import RerankPlan
from service.search.reranking.refining_reranker import RefiningReranker
from service.search.reranking.reranker import LoadImages, PlannedReranker, Reranker, RetrievalOrder, SearchAgain
from service.search.reranking.stage import RerankStage
from service.search.types import Orders, RerankReport, SearchRequest
from service.stores.store import Hit

logger = logging.getLogger(__name__)

Configuration = PlannedReranker | RetrievalOrder


def choose_reranker(stage: RerankStage, request: SearchRequest, search: str) -> Reranker:
    """What reranks a search of this id: later pages and sorted results keep their order, and one that must be reranked,
    is refined or has a least score is not interleaved. Raises InvalidValue as `RerankStage.plan`.
    """
    if request.keeps_order:
        return RetrievalOrder()
    chosen = stage.reranker(request.rerank)
    if request.rerank.refine and isinstance(chosen, PlannedReranker):
        return RefiningReranker(chosen)
    if request.rival is None or request.rerank.require or request.rerank.min_score is not None:
        return chosen
    return InterleavedReranker(chosen, stage.reranker(request.rival), seed=search)


@dataclass(frozen=True, slots=True)
class InterleavedReranker:
    """Interleaves the orders of `a` and `b`; neither may require its own. The same seed draws the same."""

    a: Configuration
    b: Configuration
    seed: str

    @property
    def candidates(self) -> int:
        """Enough for both."""
        return max(self.a.candidates, self.b.candidates)

    @property
    def instructable(self) -> bool:
        """As either is."""
        return self.a.instructable or self.b.instructable

    def rerank(self, query: Query, hits: Sequence[Hit], load: LoadImages, again: SearchAgain) -> Reranked:
        """The draft of both orders. Raises InvalidValue if the prompt of `a` does not fit the engine."""
        began = time.monotonic()
        if isinstance(self.a, RetrievalOrder):
            first, call = self.a.rerank(query, hits, load, again), None
        else:
            call = self.a.call(query, hits, load)
            first = self.a.arrange(hits, call)
        if first.report.degraded is not None:
            return first
        second = self._shared(hits, call) or self._asked(query, hits, load, again, began)
        if second is None:
            return first
        orders = Orders(first.orders.a, second.orders.a)
        if second.report.degraded is not None or not hits:
            return replace(first, orders=orders)
        return _interleaved(first, second, orders, self.seed)

    def overloaded(self, hits: Sequence[Hit]) -> Reranked:
        """As `a`."""
        return self.a.overloaded(hits)

    def _shared(self, hits: Sequence[Hit], call: RerankCall | None) -> Reranked | None:
        """The second order by the first one's answer, if the model would be asked the same again."""
        a, b = self.a, self.b
        if call is None or isinstance(a, RetrievalOrder) or isinstance(b, RetrievalOrder):
            return None
        if not a.plan.asks_the_same(b.plan):
            return None
        found = b.arrange(hits, call)
        return replace(found, timings_ms=None, orders=Orders(replace(found.orders.a, shared=True)))

    def _asked(
        self, query: Query, hits: Sequence[Hit], load: LoadImages, again: SearchAgain, began: float
    ) -> Reranked | None:
        """The second order, whose faults must not cost the first; None if its prompt does not fit the engine."""
        if isinstance(self.b, RetrievalOrder):
            return self.b.rerank(query, hits, load, again)
        left_ms = self.b.plan.deadline_ms - round((time.monotonic() - began) * 1000)
        plan = replace(self.b.plan, deadline_ms=left_ms)
        if left_ms <= 0:
            return in_retrieval_order(hits, _too_late(plan), plan)
        try:
            return replace(self.b, plan=plan).rerank(query, hits, load, again)
        except InvalidValue:
            logger.warning("the prompt in WITHTHIS_INTERLEAVE does not fit the engine, so nothing is interleaved")
            return None


def _too_late(plan: RerankPlan) -> RerankReport:
    return RerankReport(applied=False, strategy=plan.strategy.name, degraded=Degraded.TIMEOUT)


def _interleaved(a: Reranked, b: Reranked, orders: Orders, seed: str) -> Reranked:
    """The draft of two orders, with the provenance of the first that reranked, and the time of both."""
    sides = {"A": _by_position(a), "B": _by_position(b)}
    draft = team_draft(list(sides["A"]), list(sides["B"]), seed)
    told = a if a.report.applied else b
    return Reranked(
        hits=tuple(sides[team][position] for position, team in zip(draft.order, draft.teams, strict=True)),
        report=replace(told.report, interleaved=True),
        orders=replace(orders, teams="".join(draft.teams)),
        caption=told.caption,
        timings_ms=spent(a, b),
    )


def _by_position(reranked: Reranked) -> dict[int, RankedHit]:
    """The hits by their place in retrieval order, in this order."""
    return {ranked.position: ranked for ranked in reranked.hits}
