"""Reranks twice: the first verdict moves the query, and what one more search finds is ranked with the best so far.

The answer is a permutation of what both searches found, each product once. The model is asked again about the new
products alone if its scores can be compared between calls (`absolute`): then all are put in order by their scores.
Otherwise it is asked about the new ones together with the best of the first ranking, as many as the first time; those
of its second half that lost their places follow as they were ranked.

Both rankings are fused with the scores that hits were found with: the similarity to the query as it was sent, and in a
hybrid search that of the search that found them.

Both calls and the second search share the deadline of the plan. Where there is no time for them, or they fail, the
first ranking is the answer, and says so.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from rerank.candidates import Candidate
from rerank.degraded import Degraded
from rerank.query import Query
from rerank.ranking import Fault, Ranking
from rerank.strategies.scores import ranked_by
from rerank.strategies.strategy import RerankOutcome
from service.search.reranking.arrangement import RankedHit, Reranked, spent
from service.search.reranking.call import RerankCall
from service.search.reranking.reranker import LoadImages, PlannedReranker, SearchAgain, as_candidates
from service.search.retrieved import Further
from service.search.types import Refined
from service.stores.store import Hit

BEST = 3
"""The most products that the query is moved toward: never more than a third of those that were ranked."""


@dataclass(frozen=True, slots=True)
class RefiningReranker:
    """Reranks as planned, and once more with what was found by the first ranking."""

    planned: PlannedReranker

    @property
    def candidates(self) -> int:
        """As planned."""
        return self.planned.candidates

    @property
    def instructable(self) -> bool:
        """As planned."""
        return self.planned.instructable

    def overloaded(self, hits: Sequence[Hit]) -> Reranked:
        """The retrieval order, which says why. Raises RerankRequired."""
        return _unrefined(self.planned.overloaded(hits), Degraded.OVERLOADED)

    def rerank(self, query: Query, hits: Sequence[Hit], load: LoadImages, again: SearchAgain) -> Reranked:
        """The hits and what a second search found in final order, each exactly once. Raises as `PlannedReranker`."""
        began = time.monotonic()
        call = self.planned.call(query, hits, load)
        first = self.planned.answer(hits, call)
        if call.outcome is None or call.degraded is not None:
            return _unrefined(first, first.report.degraded)
        left_ms = self.planned.plan.deadline_ms - round((time.monotonic() - began) * 1000)
        if left_ms <= call.outcome.timings_ms.get("rerank", 0.0):  # the second call would take as long
            return _unrefined(first, Degraded.TIMEOUT)
        second = _SecondRound(self.planned, hits[: self.candidates], first, call.outcome, load, again)
        return second.answer(query, hits, left_ms)


@dataclass(slots=True)
class _SecondRound:
    """What follows a first ranking of `hits`. The second search takes place in the model's slot, and of its time."""

    planned: PlannedReranker
    hits: Sequence[Hit]
    first: Reranked
    outcome: RerankOutcome
    load: LoadImages
    again: SearchAgain
    further: Further = field(default_factory=Further)
    shown: Sequence[Hit] = ()

    def answer(self, query: Query, all_hits: Sequence[Hit], left_ms: int) -> Reranked:
        """The refined order of all hits, or the first one."""
        plan = replace(self.planned.plan, deadline_ms=left_ms)
        call = self.planned.runner.ask(plan, query, self._candidates)
        if call.outcome is None or call.degraded is not None:
            return _unrefined(self.first, call.degraded)
        if not self.further.hits:
            return _refined(self.first, 0)
        pool, call = self._judged(call.outcome)
        arranged = self.planned.arrange(pool, call)
        return self._joined(arranged, pool, all_hits)

    @property
    def _absolute(self) -> bool:
        """Whether scores of both calls can be compared."""
        return self.outcome.scale == "absolute" and self.outcome.ranking.scores is not None

    def _candidates(self, deadline: float) -> tuple[Candidate, ...]:
        """What the model is asked about: nothing, if nothing new was found."""
        ranked = [one.hit for one in self.first.hits[: len(self.hits)] if not one.below_min_score]
        best, most = ranked[: max(1, min(BEST, len(self.hits) // 3))], len(self.hits) // 2
        if not best or not most:
            return ()
        self.further = self.again.toward(best, {hit.product_id for hit in self.hits}, most)
        if not self.further.hits:
            return ()
        kept = [] if self._absolute else ranked[: len(self.hits) - len(self.further.hits)]
        self.shown = sorted([*kept, *self.further.hits], key=lambda hit: -hit.order_score)
        return as_candidates(self.shown, self.load(self.shown, self.planned.plan.features, deadline))

    def _judged(self, outcome: RerankOutcome) -> tuple[Sequence[Hit], RerankCall]:
        """The hits that have a place by the model's verdicts, and these as one."""
        if not self._absolute or outcome.ranking.scores is None:
            return self.shown, RerankCall.answered(outcome)
        ranking = _by_scores(self.outcome.ranking, outcome.ranking)
        return [*self.hits, *self.shown], RerankCall.answered(replace(outcome, ranking=ranking))

    def _joined(self, arranged: Reranked, pool: Sequence[Hit], all_hits: Sequence[Hit]) -> Reranked:
        """All hits: those of the second ranking, then the others as the first one has them."""
        found = {hit.product_id for hit in all_hits}
        everything = [*all_hits, *(hit for hit in self.further.hits if hit.product_id not in found)]
        positions = {hit.product_id: position for position, hit in enumerate(everything)}
        head = [_placed(one, pool[one.position], positions) for one in arranged.hits]
        placed = {one.hit.product_id for one in head}
        rest = [one for one in self.first.hits if one.hit.product_id not in placed]
        hits = (*head, *(replace(one, rerank_score=None, fused_score=None) for one in rest))
        dropped = sum(one.below_min_score for one in hits) if arranged.drops else 0
        by = replace(arranged.orders.a, order=tuple(one.hit.product_id for one in hits))
        joined = replace(
            arranged,
            hits=hits,
            report=replace(arranged.report, dropped=dropped),
            orders=replace(arranged.orders, a=by),
            caption=arranged.caption or self.first.caption,
            timings_ms=spent(self.first, arranged),
            further=self.further,
        )
        return _refined(joined, len(self.further.hits))


def _by_scores(first: Ranking, second: Ranking) -> Ranking:
    """One ranking of the candidates of two calls, those of the second behind those of the first, by all scores."""
    scores = [*(first.scores or ()), *(second.scores or ())]
    keys = [float("-inf") if score is None else score for score in scores]
    ranking = ranked_by(keys, keys)
    faults = [one.fault for one in (first, second) if one.fault is not Fault.OK]
    return replace(ranking, fault=faults[0]) if faults else ranking


def _placed(one: RankedHit, hit: Hit, positions: dict[str, int]) -> RankedHit:
    """A hit of the second ranking as the searches found it."""
    return replace(one, hit=hit, position=positions[hit.product_id])


def _refined(reranked: Reranked, new: int) -> Reranked:
    return _told(reranked, Refined(applied=True, new=new))


def _unrefined(reranked: Reranked, degraded: Degraded | None) -> Reranked:
    return _told(reranked, Refined(applied=False, degraded=degraded))


def _told(reranked: Reranked, refined: Refined) -> Reranked:
    """The same order, whose provenance says how it was refined."""
    report = replace(reranked.report, refined=refined)
    by = replace(reranked.orders.a, report=report)
    return replace(reranked, report=report, orders=replace(reranked.orders, a=by))
