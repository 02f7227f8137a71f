"""One search under two configurations: both orders of the same products, and their draft.

The model is called once if the two differ in fusion alone, or if one of them does not rerank. Otherwise it is
called twice, in sequence, within the one deadline of the search; captions and thumbnails are shared by caches.
Where either of them has no order of its own, the first one's answer stands as it would without the other.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rerank.candidates import RerankQuery
from rerank.degraded import Degraded
from service.errors import InvalidValue
from service.search.online.team_draft import team_draft
from service.search.reranking.stage import (
    LoadImages,
    RankedHit,
    Reranked,
    RerankPlan,
    RerankStage,
    in_retrieval_order,
)
from service.search.types import RankedBy, RerankReport
from service.stores.store import Hit

logger = logging.getLogger(__name__)

Plan = RerankPlan | None
"""None: the retrieval order is kept."""


@dataclass(frozen=True, slots=True)
class Side:
    """One configuration's order. `shared`: the model was called only for the other one."""

    plan: Plan
    reranked: Reranked
    shared: bool = False

    @property
    def is_as_planned(self) -> bool:
        """Whether this is the configuration's own order, and not a fallback."""
        return self.reranked.report.degraded is None

    def ranked_by(self) -> RankedBy:
        """The order as ids, with what made it."""
        order, plan = tuple(ranked.hit.product_id for ranked in self.reranked.hits), self.plan
        if plan is None:
            return RankedBy(order, self.reranked.report)
        numbers = (plan.candidates, plan.fusion_weight, plan.fusion_method)
        return RankedBy(order, self.reranked.report, *numbers, shared=self.shared)


def retrieved_side(hits: Sequence[Hit]) -> Side:
    """The retrieval order."""
    return Side(None, Reranked(in_retrieval_order(hits), RerankReport(applied=False)))


def rank_both(
    stage: RerankStage,
    plans: tuple[Plan, Plan],
    query: RerankQuery,
    hits: Sequence[Hit],
    load: LoadImages,
) -> tuple[Side, Side | None]:
    """The orders of two configurations. No second one if its prompt does not fit.

    Raises:
        InvalidValue: the prompt of the first does not fit the engine.
    """
    a, b = plans
    started = time.monotonic()
    if a is None:
        return retrieved_side(hits), _second(stage, b, query, hits, load)
    call = stage.call(a, query, hits, load)
    first = Side(a, stage.arrange(a, hits, call))
    if not first.is_as_planned:
        return first, None
    if b is not None and _asks_the_same(a, b):
        shared = replace(stage.arrange(b, hits, call), timings_ms=None)
        return first, Side(b, shared, shared=True)
    left_ms = a.deadline_ms - round((time.monotonic() - started) * 1000)
    return first, _second(stage, b and replace(b, deadline_ms=left_ms), query, hits, load)


def interleaved(a: Side, b: Side, seed: str) -> tuple[Reranked, str]:
    """The draft of two orders, with the provenance of the first that reranked, and the teams by place."""
    sides = {"A": _by_position(a), "B": _by_position(b)}
    draft = team_draft(list(sides["A"]), list(sides["B"]), seed)
    hits = tuple(sides[team][position] for position, team in zip(draft.order, draft.teams, strict=True))
    told = a.reranked if a.reranked.report.applied else b.reranked
    report = replace(told.report, interleaved=True)
    spent: dict[str, float] = {}
    for side in (a, b):
        for stage, ms in (side.reranked.timings_ms or {}).items():
            spent[stage] = spent.get(stage, 0.0) + ms
    return Reranked(hits, report, told.caption, spent), "".join(draft.teams)


def _second(stage: RerankStage, plan: Plan, query: RerankQuery, hits: Sequence[Hit], load: LoadImages) -> Side | None:
    """The order of the second configuration, whose faults must not cost the first one's answer."""
    if plan is None:
        return retrieved_side(hits)
    if plan.deadline_ms <= 0:
        late = RerankReport(applied=False, strategy=plan.strategy.name, degraded=Degraded.TIMEOUT)
        return Side(plan, Reranked(in_retrieval_order(hits), late))
    try:
        call = stage.call(plan, query, hits, load)
    except InvalidValue:
        logger.warning("the prompt in WITHTHIS_INTERLEAVE does not fit the engine, so nothing is interleaved")
        return None
    return Side(plan, stage.arrange(plan, hits, call))


def _asks_the_same(a: RerankPlan, b: RerankPlan) -> bool:
    return replace(b, fusion_weight=a.fusion_weight, fusion_method=a.fusion_method, deadline_ms=a.deadline_ms) == a


def _by_position(side: Side) -> dict[int, RankedHit]:
    """The hits by their place in retrieval order, in this side's order."""
    return {ranked.position: ranked for ranked in side.reranked.hits}
