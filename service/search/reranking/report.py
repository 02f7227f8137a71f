"""The provenance of an order: which engine, strategy and prompt, and what was wrong with the model's answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rerank.degraded import Degraded
from rerank.ranking import Fault
from service.product import Product
from service.search.reason_check import reason_fault
from service.search.reranking.call import RerankCall
from service.search.reranking.plan import RerankPlan
from service.search.types import RerankReport
from service.stores.store import Hit


def report_of(plan: RerankPlan, call: RerankCall, ids: Sequence[str]) -> RerankReport:
    """The report on a call about these candidates, in retrieval order."""
    outcome, degraded = call.outcome, call.degraded
    if outcome is None:
        return RerankReport(
            applied=False,
            engine=plan.engine,
            strategy=plan.strategy.name,
            prompt=plan.prompt,
            fault=_fault(degraded),
            degraded=degraded,
        )
    ranking = outcome.ranking
    return RerankReport(
        applied=degraded is None,
        engine=outcome.engine,
        strategy=outcome.strategy,
        prompt=outcome.prompt,
        fault=ranking.fault,
        repaired=tuple(ids[position] for position in ranking.repaired),
        reason=ranking.reason,
        degraded=degraded,
    )


def without_false_reason(report: RerankReport, praised: Product, hits: Sequence[Hit]) -> RerankReport:
    """The report without a reason that the catalog contradicts: the prompts ask for one about the first product."""
    if report.reason is None:
        return report
    categories = {hit.product.category for hit in hits if hit.product.category}
    fault = reason_fault(report.reason, praised, categories)
    return report if fault is None else replace(report, reason=None, reason_fault=fault)


def _fault(degraded: Degraded | None) -> Fault | None:
    """The fault of a call without an outcome; None if the model was not asked."""
    if degraded is None or degraded is Degraded.LOW_TRUST:
        return None
    return Fault.TIMEOUT if degraded is Degraded.TIMEOUT else Fault.BACKEND_ERROR
