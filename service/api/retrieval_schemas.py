"""The JSON of what a search may ask of retrieval: hybrid search, weights, negative text, near-duplicates, facets."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from rerank.fusion import RRF_K
from service.products import normal_text
from service.retrieval_types import (
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
    """Whether and how titles are searched by their words (BM25) beside the likeness of vectors."""

    enabled: bool | None = Field(
        default=None, description="true needs a text; null: as the service is set for queries of a text alone"
    )
    lexical_weight: Annotated[float, Field(ge=0.0, le=1.0)] | None = Field(
        default=None, description="0: order of likeness alone; 1: order of the titles' words alone"
    )
    rrf_k: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=RRF_K, description="constant of reciprocal rank fusion; the larger, the less the first places stand out"
    )


class WeightsBody(_Body):
    """How much text and picture count; only the ratio matters. For encoders that compose by a sum."""

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
    """Both legs of a hybrid search: ranks from 1, shared by equal scores, and what they make together.

    `lexical` is BM25; null where the title shares no word with the text, or stands behind all titles looked at.
    """

    fused: float
    dense_rank: int
    lexical_rank: int | None
    lexical: float | None


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


def to_hybrid(body: HybridBody, settings: Settings, *, text_alone: bool) -> HybridOptions | None:
    """How titles are searched, if they are. The setting is about queries of a text alone; see `service.hybrid`."""
    by_default = settings.hybrid_enabled and text_alone
    if not (by_default if body.enabled is None else body.enabled):
        return None
    weight = settings.hybrid_lexical_weight if body.lexical_weight is None else body.lexical_weight
    return HybridOptions(weight, body.rrf_k)


def to_weights(body: WeightsBody | None) -> QueryWeights | None:
    """The weights of text and picture."""
    return None if body is None else QueryWeights(body.text, body.image)


def to_negative(text: str | None, weight: float | None, settings: Settings) -> Negative | None:
    """What the products should not be like; a blank text counts as none."""
    text = normal_text(text or "").strip()
    return Negative(text, settings.negative_weight if weight is None else weight) if text else None


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
