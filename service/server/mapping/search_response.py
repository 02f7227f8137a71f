"""The pipeline's answer as JSON."""

from __future__ import annotations

from dataclasses import asdict

from service.product import Product
from service.search.retrieval_types import Duplicate, Facets, HybridScores
from service.search.types import RerankReport, SearchResponse, SearchResult
from service.server.mapping.explanation import explanation_out
from service.server.mapping.understood import understood_out
from service.wire.retrieval import DuplicateOut, FacetOut, FacetsOut, FacetValueOut, HybridOut, SortedOut
from service.wire.search import ProductOut, QueryOut, RerankOut, ResultOut, ScoresOut, SearchOut


def product_out(product: Product) -> ProductOut:
    """The JSON of a product."""
    return ProductOut(
        id=product.id,
        title=product.title,
        category=product.category,
        price=product.price,
        attributes=dict(product.attributes),
        image_url=image_url(product),
    )


def image_url(product: Product) -> str | None:
    """Where the product's image is served, relative to the service."""
    return f"/v1/images/{product.image_key}" if product.image_key else None


def from_response(response: SearchResponse) -> SearchOut:
    """The JSON of a pipeline's answer."""
    return SearchOut(
        id=response.id,
        query=QueryOut(caption=response.caption, truncated=response.truncated),
        results=[_from_result(result) for result in response.results],
        rerank=_from_report(response.rerank),
        timings_ms={stage: round(ms, 2) for stage, ms in response.timings_ms.items()},
        facets=from_facets(response.facets) if response.facets else None,
        sorted=SortedOut.model_validate(asdict(response.sorted)) if response.sorted else None,
        next_cursor=response.next_cursor,
        notices=list(response.notices),
        rules=list(response.rules),
        understood=understood_out(response.understood) if response.understood else None,
        explanation=explanation_out(response.explanation) if response.explanation else None,
    )


def _from_result(result: SearchResult) -> ResultOut:
    product, scores = result.product, result.scores
    return ResultOut(
        rank=result.rank,
        retrieval_rank=result.retrieval_rank,
        product=product_out(product),
        scores=ScoresOut(
            retrieval=scores.retrieval,
            rerank=scores.rerank,
            fused=scores.fused,
            hybrid=from_hybrid(scores.hybrid) if scores.hybrid else None,
        ),
        duplicates=[from_duplicate(found) for found in result.duplicates],
        rules=list(result.rules),
        below_min_score=result.below_min_score,
    )


def _from_report(report: RerankReport) -> RerankOut:
    return RerankOut(
        applied=report.applied,
        engine=report.engine,
        strategy=report.strategy,
        prompt=report.prompt,
        fault=report.fault,
        repaired=list(report.repaired),
        reason=report.reason,
        reason_fault=report.reason_fault,
        degraded=report.degraded,
        interleaved=report.interleaved,
        dropped=report.dropped,
    )


def from_hybrid(scores: HybridScores) -> HybridOut:
    """The JSON of both scores."""
    return HybridOut.model_validate(asdict(scores))


def from_duplicate(found: Duplicate) -> DuplicateOut:
    """The JSON of a product that is not shown."""
    return DuplicateOut.model_validate(asdict(found))


def from_facets(facets: Facets) -> FacetsOut:
    """The JSON of facet counts."""
    counts = {
        name: FacetOut(
            values=[FacetValueOut(value=found.value, count=found.count) for found in facet.values],
            other=facet.other,
            missing=facet.missing,
        )
        for name, facet in facets.counts.items()
    }
    return FacetsOut(window=facets.window, complete=facets.complete, counts=counts)
