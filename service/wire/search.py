"""The JSON of `/v1/search`: what is accepted, and what is answered. Unknown fields are refused, never ignored."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from rerank.fusion import FusionMethod
from service.stores.filters import Filter
from service.wire.explanation import ExplanationOut
from service.wire.limits import (
    MAX_CANDIDATES,
    MAX_CURSOR_CHARS,
    MAX_DEADLINE_MS,
    MAX_FACETS,
    MAX_INSTRUCTION_CHARS,
    MAX_QUERY_IMAGES,
    MAX_SORT_KEYS,
)
from service.wire.query_images import ImageBody, WeightedImageBody
from service.wire.retrieval import (
    CollapseBody,
    DiversityBody,
    DuplicateOut,
    FacetBody,
    FacetsOut,
    FieldName,
    GroupBody,
    GroupedOut,
    HybridBody,
    HybridOut,
    SortBody,
    SortedOut,
    WeightsBody,
)
from service.wire.strict_model import StrictModel
from service.wire.understood import UnderstoodOut


class RerankBody(StrictModel):
    """How to rerank; every field has a default in the service's settings."""

    enabled: bool | None = Field(default=None, description="false: answer in retrieval order")
    strategy: str | None = Field(default=None, max_length=64, description="how candidates are compared, e.g. listwise")
    candidates: Annotated[int, Field(ge=1, le=MAX_CANDIDATES)] | None = Field(
        default=None,
        description="how many of the best retrieved products are reranked; the first `limit` are returned",
    )
    prompt: str | None = Field(default=None, max_length=64, description="id or id@version of a prompt template")
    fusion_weight: Annotated[float, Field(ge=0.0, le=1.0)] | None = Field(
        default=None, description="1: the reranker's order alone; 0: the retrieval order alone"
    )
    fusion_method: FusionMethod | None = Field(
        default=None, description="rrf: by ranks; scores: by normalized scores if the reranker gives them"
    )
    require: bool = Field(default=False, description="true: 503 instead of an answer in retrieval order")
    deadline_ms: Annotated[int, Field(ge=1, le=MAX_DEADLINE_MS)] | None = Field(
        default=None, description="time for captioning and reranking, milliseconds"
    )
    refine: bool = Field(
        default=False,
        description="true: search once more, with the query moved toward the first of this ranking, and rerank what is "
        "new with the best",
    )
    explain: bool = Field(default=False, description="true: return what the model saw and wrote, in `explanation`")
    min_score: Annotated[float, Field(ge=0.0, le=1.0)] | None = Field(
        default=None, description="least scores.rerank of a result; for strategies with absolute scores"
    )
    below: Literal["drop", "mark"] = Field(
        default="drop", description="leave out products that do not reach min_score, or mark them (below_min_score)"
    )


class SearchBody(StrictModel):
    """A composed query: a text, one or several images, or both."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"text": "a red mug", "filter": {"price": {"lte": 30}}, "limit": 5},
                {"text": "a phone case with this", "image": {"product_id": "p1"}, "rerank": {"candidates": 9}},
            ]
        }
    )

    text: str | None = Field(default=None, description="e.g. 'a phone case with this'")
    instruction: Annotated[str, Field(max_length=MAX_INSTRUCTION_CHARS)] | None = Field(
        default=None, description="what the query is to be read for, for an encoder or a reranker that takes one"
    )
    image: ImageBody | None = Field(default=None, description="the image that 'this' in the text refers to")
    images: Annotated[list[WeightedImageBody], Field(max_length=MAX_QUERY_IMAGES)] = Field(
        default_factory=list,
        description="several images in place of image; the caption and the reranking are about the first",
    )
    filter: Filter | None = Field(default=None, description="conditions on category, price, title and attributes")
    limit: Annotated[int, Field(ge=1)] | None = Field(default=None, description="number of products to return")
    min_score: Annotated[float, Field(ge=-1.0, le=1.0)] | None = Field(
        default=None, description="leave out products whose cosine similarity (scores.retrieval) is below this"
    )
    hybrid: HybridBody | None = Field(default=None, description="null: as configured, for queries with text")
    weights: WeightsBody | None = Field(default=None, description="weights of text and image in a composed query")
    negative_text: str | None = Field(
        default=None, description="what the products should not be, e.g. 'red'; the reranker does not see it"
    )
    negative_image: ImageBody | None = Field(
        default=None, description="an image of what the products should not be; the reranker does not see it"
    )
    negative_weight: Annotated[float, Field(gt=0.0, le=1.0)] | None = Field(
        default=None, description="how far negative_text and negative_image move the query away"
    )
    collapse: CollapseBody | None = Field(default=None, description="show near-duplicates once")
    group_by: GroupBody | None = Field(default=None, description="show products that share a value once")
    diversity: DiversityBody | None = Field(default=None, description="trade relevance for variety")
    facets: Annotated[list[FieldName | FacetBody], Field(max_length=MAX_FACETS)] = Field(
        default_factory=list,
        description="values to count over the products that match: category, price, or names of attributes",
    )
    sort: Annotated[list[SortBody], Field(max_length=MAX_SORT_KEYS)] = Field(
        default_factory=list,
        description="sort the best-matching products instead of reranking them; equal ones stay in order of relevance",
    )
    understand: bool | None = Field(
        default=None,
        description="read price bounds, negations and the catalog's values in text, as `understood` says; null: as the "
        "service is set",
    )
    apply_rules: bool = Field(default=True, description="false: without the service's merchandising rules")
    cursor: Annotated[str, Field(max_length=MAX_CURSOR_CHARS)] | None = Field(
        default=None, description="next_cursor of the previous page; later pages are in retrieval order, not reranked"
    )
    session: Annotated[str, Field(min_length=1, max_length=128)] | None = Field(
        default=None,
        description="an opaque key of the visit or the user, whose searches have one vote in online evaluation; only "
        "its hash is logged",
    )
    rerank: RerankBody = Field(default_factory=RerankBody)


class ScoresOut(StrictModel):
    """Scores of one result; higher is better. `retrieval` is a cosine similarity; results are retrieved in the
    order of `hybrid.fused` if present. `rerank` is null if the engine gives none.
    """

    retrieval: float
    rerank: float | None
    fused: float | None
    hybrid: HybridOut | None


class ProductOut(StrictModel):
    """A product as clients see it."""

    id: str
    title: str
    category: str | None
    price: float | None
    attributes: dict[str, Any]
    image_url: str | None


class MemberOut(StrictModel):
    """A product inside a group; `score` is its cosine similarity to the query."""

    product: ProductOut
    score: float


class GroupOut(StrictModel):
    """The products found that share a value of `group_by.field`: `count` with the one shown, `members` without it."""

    value: bool | int | float | str
    count: int
    members: list[MemberOut]


class ResultOut(StrictModel):
    """One product with its final position (`rank`) and that before reranking (`retrieval_rank`); both count from 1,
    across all pages. `duplicates`: the near-duplicates that it stands for.
    """

    rank: int
    retrieval_rank: int
    product: ProductOut
    scores: ScoresOut
    duplicates: list[DuplicateOut]
    group: GroupOut | None = Field(default=None, description="null without group_by, or without a value to group by")
    rules: list[str] = Field(default_factory=list, description="the names of the rules that moved it")
    below_min_score: bool = Field(default=False, description="rerank.min_score is not reached")


class QueryOut(StrictModel):
    """How the service read the query: the caption of its image, and whether the text was truncated."""

    caption: str | None
    truncated: bool
    images: int = Field(default=0, description="of the query; the caption and the reranking are about the first")


class RefinedOut(StrictModel):
    """What one more search added: `new` products are in the ranking with those found first. `degraded` says why the
    first ranking is the answer instead.
    """

    applied: bool
    new: int
    degraded: str | None


class RerankOut(StrictModel):
    """Where the order comes from. `degraded` says why reranking was requested but not applied; `interleaved` that
    the order combines this ranking and another one, which are being compared; `reason_fault` why the model's reason is
    not shown: it contradicts the product's color, category, price or title in the catalog.
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
    dropped: int = Field(default=0, description="products that were found and left out by rerank.min_score")
    refined: RefinedOut | None = Field(default=None, description="null if it was not to be refined")


class SearchOut(StrictModel):
    """The answer of `/v1/search`: a complete ranking, its explanation, and the milliseconds of each stage."""

    id: str
    query: QueryOut
    results: list[ResultOut]
    rerank: RerankOut
    timings_ms: dict[str, float]
    facets: FacetsOut | None
    sorted: SortedOut | None = Field(default=None, description="null if the request does not sort")
    grouped: GroupedOut | None = Field(default=None, description="null if the request does not group")
    next_cursor: str | None
    notices: list[str] = Field(
        default_factory=list,
        description="possible mistakes: in a filter that matches nothing, in a field that sorts nothing",
    )
    rules: list[str] = Field(
        default_factory=list, description="the names of the rules that moved, pinned or excluded products"
    )
    understood: UnderstoodOut | None = Field(default=None, description="null without text, or if turned off")
    explanation: ExplanationOut | None
