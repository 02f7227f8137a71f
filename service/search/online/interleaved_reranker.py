"""Two rerankers as one, for searches that compare two configurations: their orders of the same products, interleaved.

The model is called once if the two differ in fusion alone, or if one of them does not rerank. Otherwise it is
called twice, in sequence, within the one deadline of the search; captions and thumbnails are shared by caches.
Where either of them has no order of its own, the first one's answer stands as it would without the other.

If they retrieve differently, both order the union of what they found: each first what it found itself, as it would
alone, and behind that what the other found. So the draft has every product of either of them, each exactly once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rerank.degraded import Degraded
from rerank.query import Query
from service.errors import InvalidValue
from service.search.online.rival_retrieval import RivalRetrieval
from service.search.online.team_draft import team_draft
from service.search.reranking.arrangement import RankedHit, Reranked, in_retrieval_order, spent
from service.search.reranking.call import RerankCall
from service.search.reranking.plan import RerankPlan
from service.search.reranking.refining_reranker import RefiningReranker
from service.search.reranking.reranker import LoadImages, PlannedReranker, Reranker, RetrievalOrder, SearchAgain
from service.search.reranking.stage import RerankStage
from service.search.retrieved import Further
from service.search.types import Orders, RankedBy, RerankReport, SearchRequest
from service.stores.store import Hit

logger = logging.getLogger(__name__)

Configuration = PlannedReranker | RetrievalOrder


def choose_reranker(
    stage: RerankStage, request: SearchRequest, search: str, *, rival: RivalRetrieval | None = None
) -> Reranker:
    """What reranks a search of this id: later pages and sorted results keep their order, and one that must be reranked,
    is refined or has a least score is not interleaved. `rival`: the retrieval of the second configuration, if it
    differs. Raises InvalidValue as `RerankStage.plan`.
    """
    if request.keeps_order:
        return RetrievalOrder()
    chosen = stage.reranker(request.rerank)
    if request.rerank.refine and isinstance(chosen, PlannedReranker):
        return RefiningReranker(chosen)
    if request.rival is None or request.rerank.require or request.rerank.min_score is not None:
        return chosen
    second = stage.reranker(request.rival)
    return InterleavedReranker(chosen, second, seed=search, request=request, rival=rival)


@dataclass(frozen=True, slots=True)
class InterleavedReranker:
    """Interleaves the orders of `a` and `b`; neither may require its own. The same seed draws the same. `rival`: finds
    what `b` orders for the request; None if that is what `a` orders.
    """

    a: Configuration
    b: Configuration
    seed: str
    request: SearchRequest
    rival: RivalRetrieval | None = None

    @property
    def candidates(self) -> int:
        """Enough for both; what is found is looked at even if no model is asked about it."""
        return max(self.a.candidates, self.b.candidates, 0 if self.rival is None else 1)

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
        if not self._answers(first):
            return first
        if self.rival is None:
            second = self._shared(hits, call) or self._asked(query, hits, load, again, began)
            return first if second is None else self._joined(first, first, second)
        union = self.rival.union(self.request, hits, self.candidates, again)
        if union is None:
            return first
        second = self._asked(query, union.hits, load, again, began)
        if second is None:
            return first
        first, second = _named(first, self.rival.a), _named(second, self.rival.b)
        return self._joined(first, _extended(first, union.further), second)

    def overloaded(self, hits: Sequence[Hit]) -> Reranked:
        """As `a`."""
        return self.a.overloaded(hits)

    def _answers(self, reranked: Reranked) -> bool:
        """Whether an order is the one that its configuration has for the search. An engine that steps back leaves that
        of retrieval, which says something where the two retrieve differently.
        """
        degraded = reranked.report.degraded
        return degraded is None or (degraded is Degraded.LOW_TRUST and self.rival is not None)

    def _joined(self, alone: Reranked, a: Reranked, b: Reranked) -> Reranked:
        """The draft of the orders `a` and `b`; the first one `alone` if there is no second."""
        if not self._answers(b) or not a.hits:
            return replace(alone, orders=Orders(alone.orders.a, b.orders.a))
        return _interleaved(a, b, self.seed)

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


def _extended(first: Reranked, further: Further) -> Reranked:
    """The first order, with what the other retrieval found behind it."""
    places = enumerate(further.hits, start=len(first.hits))
    hits = (*first.hits, *(RankedHit(hit, place) for place, hit in places))
    by = replace(first.orders.a, order=tuple(one.hit.product_id for one in hits))
    return replace(first, hits=hits, orders=replace(first.orders, a=by), further=further)


def _named(reranked: Reranked, retrieval: str) -> Reranked:
    by: RankedBy = replace(reranked.orders.a, retrieval=retrieval)
    return replace(reranked, orders=replace(reranked.orders, a=by))


def _interleaved(a: Reranked, b: Reranked, seed: str) -> Reranked:
    """The draft of two orders, with the provenance of the first that reranked, and the time of both. Similarities are
    those to the query of `a`.
    """
    ours = {one.hit.product_id: one for one in a.hits}
    by_position = {one.position: one for one in a.hits}
    sides = {"A": by_position, "B": {ours[one.hit.product_id].position: one for one in b.hits}}
    draft = team_draft(list(sides["A"]), list(sides["B"]), seed)
    picked = zip(draft.order, draft.teams, strict=True)
    told = a if a.report.applied else b
    return Reranked(
        hits=tuple(replace(sides[team][place], hit=by_position[place].hit, position=place) for place, team in picked),
        report=replace(told.report, interleaved=True),
        orders=Orders(a.orders.a, b.orders.a, "".join(draft.teams)),
        caption=told.caption,
        timings_ms=spent(a, b),
        further=a.further,
    )
