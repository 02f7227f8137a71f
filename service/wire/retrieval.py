"""The JSON of what a search may ask of retrieval: hybrid search, weights, negative text, near-duplicates, facets."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from service.wire.limits import DEFAULT_DUPLICATE_THRESHOLD


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class HybridBody(_Body):
    """Whether and how products are searched by their words (BM25), too. An object, even an empty one, asks for it."""

    enabled: bool | None = Field(default=None, description="false: by the similarity of vectors alone")
    lexical_weight: Annotated[float, Field(ge=0.0, le=1.0)] | None = Field(
        default=None, description="0: order of similarity alone; 1: order of the words alone"
    )


class WeightsBody(_Body):
    """How much text and image count; only the ratio matters. For encoders that compose by a sum."""

    text: Annotated[float, Field(ge=0.0, le=1000.0)] = Field(default=1.0, description="weight of the text")
    image: Annotated[float, Field(ge=0.0, le=1000.0)] = Field(default=1.0, description="weight of the picture")


class CollapseBody(_Body):
    """Near-duplicates shown once; `duplicates` of a result names those that it stands for."""

    near_duplicates: bool = Field(default=True, description="false: show every product")
    threshold: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        default=DEFAULT_DUPLICATE_THRESHOLD,
        description="least cosine between the pictures of two products that count as one; equal pictures always do",
    )


class HybridOut(_Body):
    """Both legs of a hybrid search, from 0 to 1; `fused` is their mean, weighted by `lexical_weight`, of which `boost`
    makes up to a fifth where the sentence names values of the catalog: it is the share of them that the product has.

    `lexical` is 1 for the query itself as a title, and 0, without a rank, for a product that shares no word with it;
    `dense` is 1 for the most similar product. Ranks count from 1, and equal scores share one.
    """

    fused: float
    dense: float
    lexical: float
    dense_rank: int
    lexical_rank: int | None
    boost: float | None


class DuplicateOut(_Body):
    """A product that is not shown because another one looks the same; `similarity` is their cosine."""

    product_id: str
    similarity: float
    same_picture: bool


class FacetValueOut(_Body):
    """A value and how many products have it."""

    value: bool | int | float | str
    count: int


class FacetOut(_Body):
    """The most frequent values; `other` counts further ones, and `missing` the products that have none."""

    values: list[FacetValueOut]
    other: int
    missing: int


class FacetsOut(_Body):
    """Counts over the `window` best products; `complete`: these are all that match."""

    window: int
    complete: bool
    counts: dict[str, FacetOut]
