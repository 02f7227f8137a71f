"""The JSON of `/v1/search`: what is accepted, and what is answered. Unknown fields are refused, never ignored."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from rerank.fusion import FusionMethod
from service.product import Product
from service.search.facets import MAX_FACETS
from service.search.paging import MAX_CURSOR_CHARS
from service.search.types import (
    ImageSource,
    InlineImage,
    ProductImage,
    RerankOptions,
    RerankReport,
    SearchRequest,
    SearchResponse,
    SearchResult,
    UrlImage,
)
from service.settings import Settings
from service.stores.filters import Filter
from service.wire.explanation import ExplanationOut, explanation_out
from service.wire.retrieval import (
    CollapseBody,
    DuplicateOut,
    FacetsOut,
    HybridBody,
    HybridOut,
    WeightsBody,
    from_duplicate,
    from_facets,
    from_hybrid,
    to_collapse,
    to_hybrid,
    to_negative,
    to_weights,
)
from service.wire.understood import UnderstoodOut, understood_out

MAX_CANDIDATES = 100
MAX_DEADLINE_MS = 600_000


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ImageBody(_Body):
    """The image of the query: exactly one of the three."""

    data: str | None = Field(default=None, description="a data URI: data:image/png;base64,… (JPEG, PNG or WEBP)")
    url: str | None = Field(
        default=None, max_length=4096, description="the address of a picture, on a host that the service allows"
    )
    product_id: str | None = Field(
        default=None, min_length=1, max_length=256, description="the stored picture of this product"
    )


class RerankBody(_Body):
    """How to rerank; every field has a default in the service's settings."""

    enabled: bool | None = Field(default=None, description="false: answer in retrieval order")
    strategy: str | None = Field(default=None, max_length=64, description="how candidates are compared, e.g. listwise")
    candidates: Annotated[int, Field(ge=1, le=MAX_CANDIDATES)] | None = Field(
        default=None,
        description="how many of the best products found are reranked; the first `limit` of them are the answer",
    )
    prompt: str | None = Field(default=None, max_length=64, description="id or id@version of a prompt template")
    fusion_weight: Annotated[float, Field(ge=0.0, le=1.0)] | None = Field(
        default=None, description="1: order of the reranker alone; 0: order of retrieval alone"
    )
    fusion_method: FusionMethod | None = Field(
        default=None, description="rrf: by ranks; scores: by normalised scores where the reranker gives them"
    )
    require: bool = Field(default=False, description="true: 503 rather than an answer in retrieval order")
    deadline_ms: Annotated[int, Field(ge=1, le=MAX_DEADLINE_MS)] | None = Field(
        default=None, description="time for captioning and reranking, milliseconds"
    )
    explain: bool = Field(default=False, description="true: say what the model saw and wrote, in `explanation`")


class SearchBody(_Body):
    """A composed query: a sentence, an image, or both."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"text": "a red mug", "filter": {"price": {"lte": 30}}, "limit": 5},
                {"text": "a phone case with this", "image": {"product_id": "p1"}, "rerank": {"candidates": 9}},
            ]
        }
    )

    text: str | None = Field(default=None, description="e.g. 'a phone case with this'")
    image: ImageBody | None = Field(default=None, description="the picture that 'this' in the text means")
    filter: Filter | None = Field(default=None, description="conditions on category, price, title and attributes")
    limit: Annotated[int, Field(ge=1)] | None = Field(default=None, description="how many products to answer with")
    min_score: Annotated[float, Field(ge=-1.0, le=1.0)] | None = Field(
        default=None, description="leave out products whose similarity (scores.retrieval, a cosine) is below this"
    )
    hybrid: HybridBody | None = Field(default=None, description="null: as the service is set, for queries with words")
    weights: WeightsBody | None = Field(default=None, description="for a text with a picture")
    negative_text: str | None = Field(
        default=None, description="what the products should not be like, e.g. 'red'; the reranker does not see it"
    )
    negative_weight: Annotated[float, Field(gt=0.0, le=1.0)] | None = Field(
        default=None, description="how far negative_text moves the query away"
    )
    collapse: CollapseBody | None = Field(default=None, description="show near-duplicates once")
    facets: Annotated[list[Annotated[str, Field(min_length=1, max_length=120)]], Field(max_length=MAX_FACETS)] = Field(
        default_factory=list, description="values to count over the best products: category, or names of attributes"
    )
    understand: bool | None = Field(
        default=None,
        description="read price bounds, negations and the catalog's values in text, as `understood` says; null: as the "
        "service is set",
    )
    cursor: Annotated[str, Field(max_length=MAX_CURSOR_CHARS)] | None = Field(
        default=None, description="next_cursor of the page before; later pages are in retrieval order, not reranked"
    )
    rerank: RerankBody = Field(default_factory=RerankBody)


class ScoresOut(_Body):
    """Scores of one result; higher is better. `retrieval` is a cosine; results are retrieved in the order of
    `hybrid.fused` where that is there. `rerank` is null where the engine gives none.
    """

    retrieval: float
    rerank: float | None
    fused: float | None
    hybrid: HybridOut | None


class ProductOut(_Body):
    """A product as clients see it."""

    id: str
    title: str
    category: str | None
    price: float | None
    attributes: dict[str, Any]
    image_url: str | None


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


class ResultOut(_Body):
    """One product with its place now (`rank`) and before reranking (`retrieval_rank`); both count from 1, over all
    pages. `duplicates`: the near-duplicates that it stands for.
    """

    rank: int
    retrieval_rank: int
    product: ProductOut
    scores: ScoresOut
    duplicates: list[DuplicateOut]


class QueryOut(_Body):
    """What the service understood: the caption of the query's image; whether the text was cut to what fits."""

    caption: str | None
    truncated: bool


class RerankOut(_Body):
    """Where the order comes from. `degraded` says why reranking was asked for but not applied; `interleaved` that the
    order is drawn from this ranking and another one, which are being compared; `reason_fault` why the reason that the
    model gave is not shown: what it said of the product's color, category, price or title is not what the catalog says.
    """

    applied: bool
    engine: str | None
    strategy: str | None
    prompt: str | None
    fault: str | None
    repaired: list[str]
    reason: str | None
    reason_fault: str | None
    degraded: str | None
    interleaved: bool


class SearchOut(_Body):
    """The answer of `/v1/search`: a complete ranking, why it is so, and the milliseconds each stage took."""

    id: str
    query: QueryOut
    results: list[ResultOut]
    rerank: RerankOut
    timings_ms: dict[str, float]
    facets: FacetsOut | None
    next_cursor: str | None
    notices: list[str] = Field(default_factory=list, description="what is odd about a filter that finds nothing")
    understood: UnderstoodOut | None = Field(default=None, description="null without text, or where it is switched off")
    explanation: ExplanationOut | None


def to_options(body: RerankBody, *, enabled_by_default: bool) -> RerankOptions:
    """What the pipeline understands of the `rerank` object."""
    return RerankOptions(
        enabled=enabled_by_default if body.enabled is None else body.enabled,
        strategy=body.strategy,
        prompt=body.prompt,
        candidates=body.candidates,
        fusion_weight=body.fusion_weight,
        fusion_method=body.fusion_method,
        require=body.require,
        deadline_ms=body.deadline_ms,
        explain=body.explain,
    )


def to_request(body: SearchBody, image: ImageSource | None, settings: Settings) -> SearchRequest:
    """The pipeline's request, with the settings where the body says nothing; `image` was found by `image_source` or
    uploaded as a part.
    """
    return SearchRequest(
        text=body.text,
        image=image,
        filter=body.filter,
        limit=settings.search.default_limit if body.limit is None else body.limit,
        min_score=body.min_score,
        rerank=to_options(body.rerank, enabled_by_default=settings.rerank.enabled or body.rerank.require),
        hybrid=to_hybrid(body.hybrid, settings, body.text),
        weights=to_weights(body.weights),
        negative=to_negative(body.negative_text, body.negative_weight, settings),
        collapse=to_collapse(body.collapse),
        facets=tuple(body.facets),
        understand=settings.search.understand_enabled if body.understand is None else body.understand,
        cursor=body.cursor,
    )


def image_source(image: ImageBody) -> ImageSource | None:
    """The image that `image` names, or None where it names none."""
    if image.data is not None:
        return InlineImage(image.data)
    if image.url is not None:
        return UrlImage(image.url)
    if image.product_id is not None:
        return ProductImage(image.product_id)
    return None


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
        next_cursor=response.next_cursor,
        notices=list(response.notices),
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
    )
