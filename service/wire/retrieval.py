"""The JSON of a search's retrieval options: hybrid search, weights, duplicates, groups, variety, facets, sorting."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from service.wire.limits import (
    DEFAULT_DUPLICATE_THRESHOLD,
    DEFAULT_GROUP_SIZE,
    DEFAULT_LAMBDA,
    MAX_GROUP_SIZE,
    MAX_RANGES,
)
from service.wire.strict_model import StrictModel


class HybridBody(StrictModel):
    """Whether and how to add lexical search (BM25). An object, even an empty one, turns it on."""

    enabled: bool | None = Field(default=None, description="false: vector similarity only")
    lexical_weight: Annotated[float, Field(ge=0.0, le=1.0)] | None = Field(
        default=None, description="0: vector similarity only; 1: lexical score only"
    )


class WeightsBody(StrictModel):
    """The weights of text and image; only the ratio matters. For encoders that add them up."""

    text: Annotated[float, Field(ge=0.0, le=1000.0)] = Field(default=1.0, description="weight of the text")
    image: Annotated[float, Field(ge=0.0, le=1000.0)] = Field(default=1.0, description="weight of the image")


class CollapseBody(StrictModel):
    """Show near-duplicates once; `duplicates` of a result lists those that it stands for."""

    near_duplicates: bool = Field(default=True, description="false: show every product")
    threshold: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        default=DEFAULT_DUPLICATE_THRESHOLD,
        description="minimum cosine similarity of two products' images to count as one; identical images always do",
    )


FieldName = Annotated[str, Field(min_length=1, max_length=120)]


class GroupBody(StrictModel):
    """Show products that share a value once; `group` of a result has the others."""

    field: FieldName = Field(description="category, or the name of an attribute, such as item_group_id")
    size: Annotated[int, Field(ge=0, le=MAX_GROUP_SIZE)] = Field(
        default=DEFAULT_GROUP_SIZE, description="most other products of its group that a result has"
    )


class DiversityBody(StrictModel):
    """Variety by maximal marginal relevance (MMR), after reranking and before rules."""

    lambda_: Annotated[float, Field(ge=0.0, le=1.0)] = Field(
        default=DEFAULT_LAMBDA, alias="lambda", description="1: relevance alone; 0: variety alone"
    )


class FacetBody(StrictModel):
    """What to count, and the ranges of its numbers."""

    field: FieldName = Field(description="category, price, or the name of an attribute")
    ranges: (
        Annotated[int, Field(ge=1, le=MAX_RANGES)]
        | Annotated[list[Annotated[float, Field(allow_inf_nan=False)]], Field(min_length=1, max_length=MAX_RANGES)]
        | None
    ) = Field(
        default=None,
        description="how many ranges of equal width, or the numbers between ranges: [10, 20] makes <10, 10-20 and >=20",
    )


class SortBody(StrictModel):
    """What to sort by. Products without a number or date in the field are last, whichever the order."""

    field: FieldName = Field(
        description="price, updated_at, or the name of an attribute that is a number or an ISO 8601 date"
    )
    order: Literal["asc", "desc"] = Field(default="asc", description="asc: lowest first; desc: highest first")


class _Window(StrictModel):
    window: int
    complete: bool


class SortedOut(_Window):
    """What was sorted: the `window` best-matching products; `complete`: these are all that match."""


class GroupedOut(_Window):
    """What was grouped: the `window` best-matching products; `complete`: these are all that match."""


class HybridOut(StrictModel):
    """Both scores of a hybrid search, from 0 to 1; `fused` is their mean by `lexical_weight`, of which `boost`
    makes up to a fifth if the text names values of the catalog: the share of them that the product has.

    `lexical` is 1 for a title that equals the query, and 0, without a rank, for a product that shares no word with it;
    `dense` is 1 for the most similar product. Ranks count from 1, and equal scores share a rank: `dense_rank` among the
    products that were compared, `lexical_rank` in the catalog, or among those compared if there is a filter.
    """

    fused: float
    dense: float
    lexical: float
    dense_rank: int
    lexical_rank: int | None
    boost: float | None


class DuplicateOut(StrictModel):
    """A product that is not shown because another one looks the same; `similarity` is their cosine
    similarity.
    """

    product_id: str
    similarity: float
    same_picture: bool


class FacetValueOut(StrictModel):
    """A value and how many products have it."""

    value: bool | int | float | str
    count: int


class FacetStatsOut(StrictModel):
    """Of the numbers in a field; a list's different numbers count one by one."""

    count: int
    min: float
    max: float
    mean: float


class FacetRangeOut(StrictModel):
    """How many numbers are within bounds, which a filter can have."""

    count: int
    gte: float | None
    lt: float | None
    lte: float | None


class FacetOut(StrictModel):
    """The most frequent values; `other` counts further ones, and `missing` the products that have none."""

    values: list[FacetValueOut]
    other: int
    missing: int
    stats: FacetStatsOut | None = Field(default=None, description="null if no product has a number")
    ranges: list[FacetRangeOut] = Field(default_factory=list, description="as requested, in ascending order")


class FacetsOut(StrictModel):
    """Counts over `window` products: all that match if `complete`, else the best-matching of them."""

    window: int
    complete: bool
    counts: dict[str, FacetOut]
