"""From hits in retrieval order and the model's answer to hits in final order, whatever the answer is.

The first `candidates` hits go to the strategy and are fused with their retrieval scores; the others keep their place
behind them. No hit is lost, duplicated or invented: the strategy answers with positions, and `Ranking` is a
permutation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from rerank.fusion import fuse
from rerank.strategies.strategy import RerankOutcome
from service.search.reranking.call import RerankCall
from service.search.reranking.plan import RerankPlan
from service.search.reranking.report import report_of, without_false_reason
from service.search.retrieved import Further
from service.search.types import Explanation, Orders, RankedBy, RerankReport
from service.stores.store import Hit


@dataclass(frozen=True, slots=True)
class RankedHit:
    """A hit with its place among the retrieved (`position`, from 0) and its scores after reranking."""

    hit: Hit
    position: int
    rerank_score: float | None = None
    fused_score: float | None = None
    below_min_score: bool = False


@dataclass(frozen=True, slots=True)
class Reranked:
    """The final order, where it comes from, and the milliseconds that the model took by stage."""

    hits: tuple[RankedHit, ...]
    report: RerankReport
    orders: Orders
    caption: str | None = None
    timings_ms: Mapping[str, float] | None = None
    explanation: Explanation | None = None
    drops: bool = False
    """Whether hits below the least score are to be left out."""
    further: Further | None = None
    """What one more search found, which is behind the retrieved hits, if it is not among them."""

    @property
    def kept(self) -> tuple[RankedHit, ...]:
        """The hits that are shown."""
        return tuple(hit for hit in self.hits if not hit.below_min_score) if self.drops else self.hits


def in_retrieval_order(
    hits: Sequence[Hit], report: RerankReport | None = None, plan: RerankPlan | None = None
) -> Reranked:
    """The hits as retrieval gave them; `plan` and `report` say what was to be done instead, if anything."""
    order, report = _as_retrieved(hits), report or RerankReport(applied=False)
    return Reranked(order, report, Orders(_ranked_by(order, report, plan)))


def arrange(plan: RerankPlan, hits: Sequence[Hit], call: RerankCall) -> Reranked:
    """The order that a plan derives from the model's answer; always complete."""
    outcome = call.outcome
    report = report_of(plan, call, [hit.product_id for hit in hits])
    if outcome is None:
        return in_retrieval_order(hits, report, plan)
    order = _as_retrieved(hits)
    if call.degraded is None:
        count = len(outcome.ranking.order)
        order = _marked(_fused(order[:count], outcome, plan) + order[count:], plan.min_score)
    report = _about_the_first(report, hits, order[0].position, outcome.ranking.order[0])
    drops = plan.below == "drop"
    report = replace(report, dropped=sum(hit.below_min_score for hit in order) if drops else 0)
    return Reranked(
        order,
        report,
        Orders(_ranked_by(order, report, plan)),
        outcome.caption,
        outcome.timings_ms,
        _explanation(outcome) if plan.explain else None,
        drops,
    )


def spent(*rankings: Reranked) -> dict[str, float]:
    """The milliseconds of several rankings by stage."""
    spent: dict[str, float] = {}
    for ranking in rankings:
        for stage, ms in (ranking.timings_ms or {}).items():
            spent[stage] = spent.get(stage, 0.0) + ms
    return spent


def rearranged(reranked: Reranked, order: Callable[[Sequence[Hit]], Sequence[int]]) -> Reranked:
    """The same hits in another order, each with the team that picked it, if any. `order`: of those shown, their
    positions, each once.

    A reason is about the product that the model put first, so it is not shown if another one comes first.
    """
    kept = reranked.kept
    places = order([ranked.hit for ranked in kept])
    if list(places) == list(range(len(kept))):
        return reranked
    left_out = tuple(ranked for ranked in reranked.hits if reranked.drops and ranked.below_min_score)
    teams, report = reranked.orders.teams, reranked.report
    return replace(
        reranked,
        hits=tuple(kept[place] for place in places) + left_out,
        orders=replace(reranked.orders, teams="".join(teams[place] for place in places) if teams else ""),
        report=report if places[0] == 0 else replace(report, reason=None),
    )


def _about_the_first(report: RerankReport, hits: Sequence[Hit], first: int, praised: int) -> RerankReport:
    """The report with its reason if that is true, and of the product that comes first after fusion, too."""
    if first != praised:
        return replace(report, reason=None)
    return without_false_reason(report, hits[praised].product, hits)


def _marked(hits: tuple[RankedHit, ...], least: float | None) -> tuple[RankedHit, ...]:
    """The hits, marked where they do not reach the least score; one that was not scored does not."""
    if least is None:
        return hits
    return tuple(replace(hit, below_min_score=hit.rerank_score is None or hit.rerank_score < least) for hit in hits)


def _as_retrieved(hits: Sequence[Hit]) -> tuple[RankedHit, ...]:
    return tuple(RankedHit(hit, position) for position, hit in enumerate(hits))


def _fused(head: Sequence[RankedHit], outcome: RerankOutcome, plan: RerankPlan) -> tuple[RankedHit, ...]:
    """Fuse the ranking with the retrieval scores of the candidates."""
    retrieval = [ranked.hit.order_score for ranked in head]
    order, fused = fuse(outcome.ranking, retrieval, plan.fusion_weight, method=plan.fusion_method)
    scores = outcome.ranking.scores or (None,) * len(head)
    return tuple(RankedHit(head[place].hit, place, scores[place], fused[place]) for place in order)


def _ranked_by(hits: Sequence[RankedHit], report: RerankReport, plan: RerankPlan | None) -> RankedBy:
    order = tuple(ranked.hit.product_id for ranked in hits)
    if plan is None:
        return RankedBy(order, report)
    return RankedBy(order, report, plan.candidates, plan.fusion_weight, plan.fusion_method)


def _explanation(outcome: RerankOutcome) -> Explanation:
    return Explanation(
        raw=outcome.raw,
        shown=outcome.shown,
        panel=outcome.panel,
        prompt_tokens=outcome.prompt_tokens,
        generated_tokens=outcome.generated_tokens,
    )
