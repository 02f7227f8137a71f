"""The pipeline's answer as JSON. What has the same fields here and there is read by its attributes."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel

from service.product import Product
from service.search.retrieval_types import Group
from service.search.types import SearchResponse, SearchResult
from service.server.mapping.explanation import explanation_out
from service.server.mapping.understood import understood_out
from service.wire.retrieval import DuplicateOut, FacetsOut, GroupedOut, SortedOut
from service.wire.search import (
    GroupOut,
    MemberOut,
    ProductOut,
    QueryOut,
    RerankOut,
    ResultOut,
    ScoresOut,
    SearchOut,
)

Body = TypeVar("Body", bound=BaseModel)


def product_out(product: Product, path: str) -> ProductOut:
    """The JSON of a product; `path`: that of its catalog."""
    return ProductOut(
        id=product.id,
        title=product.title,
        category=product.category,
        price=product.price,
        attributes=dict(product.attributes),
        image_url=image_url(product.image_key, path),
    )


def image_url(key: str, path: str) -> str | None:
    """Where an image of a catalog is served, relative to the service."""
    return f"{path}/images/{key}" if key else None


def from_response(response: SearchResponse, path: str) -> SearchOut:
    """The JSON of a pipeline's answer; `path`: that of the catalog."""
    return SearchOut(
        id=response.id,
        query=QueryOut(caption=response.caption, truncated=response.truncated, images=response.images),
        results=[_from_result(result, path) for result in response.results],
        rerank=_read(RerankOut, response.rerank),
        timings_ms={stage: round(ms, 2) for stage, ms in response.timings_ms.items()},
        facets=_read(FacetsOut, response.facets) if response.facets else None,
        sorted=_read(SortedOut, response.sorted) if response.sorted else None,
        grouped=_read(GroupedOut, response.grouped) if response.grouped else None,
        next_cursor=response.next_cursor,
        notices=list(response.notices),
        rules=list(response.rules),
        understood=understood_out(response.understood) if response.understood else None,
        explanation=explanation_out(response.explanation) if response.explanation else None,
    )


def _from_result(result: SearchResult, path: str) -> ResultOut:
    return ResultOut(
        rank=result.rank,
        retrieval_rank=result.retrieval_rank,
        product=product_out(result.product, path),
        scores=_read(ScoresOut, result.scores),
        duplicates=[_read(DuplicateOut, found) for found in result.duplicates],
        group=_group(result.group, path) if result.group else None,
        rules=list(result.rules),
        below_min_score=result.below_min_score,
    )


def _group(group: Group, path: str) -> GroupOut:
    members = [MemberOut(product=product_out(member.product, path), score=member.score) for member in group.members]
    return GroupOut(value=group.value, count=group.count, members=members)


def _read(body: type[Body], value: object) -> Body:
    """The JSON of a value whose attributes have the names of the fields. Not strictly: its sequences are tuples."""
    return body.model_validate(value, strict=False, from_attributes=True)
