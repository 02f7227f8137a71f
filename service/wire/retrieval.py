"""The JSON of what a search may ask of retrieval: hybrid search, weights, negative text, near-duplicates, facets."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from service.product import normal_text
from service.search.hybrid import hybrid_options
from service.search.retrieval_types import (
    DEFAULT_DUPLICATE_THRESHOLD,
    CollapseOptions,
    Duplicate,
    Facets,
    HybridOptions,
    HybridScores,
    Negative,
    QueryWeights,
)
from service.settings import Settings


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


def to_hybrid(body: HybridBody | None, settings: Settings, text: str | None) -> HybridOptions | None:
    """How words count in a search, if they do."""
    if body is None:
        return hybrid_options(settings, text)
    return hybrid_options(settings, text, enabled=body.enabled is not False, lexical_weight=body.lexical_weight)


def to_weights(body: WeightsBody | None) -> QueryWeights | None:
    """The weights of text and image."""
    return None if body is None else QueryWeights(body.text, body.image)


def to_negative(text: str | None, weight: float | None, settings: Settings) -> Negative | None:
    """What the products should not be like; a blank text counts as none."""
    text = normal_text(text or "").strip()
    return Negative(text, settings.search.negative_weight if weight is None else weight) if text else None


def to_collapse(body: CollapseBody | None) -> CollapseOptions | None:
    """How near-duplicates are told."""
    return CollapseOptions(body.threshold) if body is not None and body.near_duplicates else None


def from_hybrid(scores: HybridScores) -> HybridOut:
    """The JSON of both legs."""
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
