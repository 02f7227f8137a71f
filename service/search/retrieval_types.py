"""Options and results of retrieval: plain, immutable, free of HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from service.product import Scalar
from service.wire.limits import DEFAULT_DUPLICATE_THRESHOLD


@dataclass(frozen=True, slots=True)
class HybridOptions:
    """Find products by their words, too; see `service.search.hybrid`."""

    lexical_weight: float = 0.5  # 0 = order of similarity alone, 1 = order of the words alone
    required: bool = True  # False: where the words cannot be searched, similarity alone will do


@dataclass(frozen=True, slots=True)
class QueryWeights:
    """How much text and image count in a composed query; only their ratio matters."""

    text: float = 1.0
    image: float = 1.0


@dataclass(frozen=True, slots=True)
class Negative:
    """What the products should not be like, and how much that counts; see `service.search.query_vector`."""

    text: str
    weight: float


@dataclass(frozen=True, slots=True)
class CollapseOptions:
    """Show near-duplicates once; see `search.collapse`. `threshold`: least cosine of two images that are one."""

    threshold: float = DEFAULT_DUPLICATE_THRESHOLD


@dataclass(frozen=True, slots=True)
class HybridScores:
    """Where a product of a hybrid search comes from: both scores, from 0 to 1, and what they make together.

    Ranks are among the products that were looked at, and equal scores share one. `lexical` is 0, and without a rank,
    where the product shares no word with the text. `boost`: the share of the catalog's values named in the text that
    the product has; None if it names none.
    """

    fused: float
    dense: float
    lexical: float
    dense_rank: int
    lexical_rank: int | None
    boost: float | None = None


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A product that is not shown because another one that is looks the same; `similarity` is their cosine."""

    product_id: str
    similarity: float
    same_picture: bool


@dataclass(frozen=True, slots=True)
class FacetCount:
    """A value and how many products have it."""

    value: Scalar
    count: int


@dataclass(frozen=True, slots=True)
class Facet:
    """The most frequent values; `other` counts further ones, and `missing` the products that have none."""

    values: tuple[FacetCount, ...]
    other: int
    missing: int


@dataclass(frozen=True, slots=True)
class Facets:
    """Counts by name, over the `window` best products; `complete` says that no others match."""

    window: int
    complete: bool
    counts: Mapping[str, Facet]
