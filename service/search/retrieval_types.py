"""Options and results of retrieval: plain, immutable, free of HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from service.product import Product, Scalar
from service.wire.limits import DEFAULT_DUPLICATE_THRESHOLD, DEFAULT_GROUP_SIZE, DEFAULT_LAMBDA


@dataclass(frozen=True, slots=True)
class HybridOptions:
    """Options of lexical search; see `service.search.hybrid`."""

    lexical_weight: float = 0.5  # 0 = vector similarity only, 1 = lexical score only
    required: bool = True  # False: if lexical search is not available, vector similarity is enough


@dataclass(frozen=True, slots=True)
class QueryWeights:
    """Weights of text and image in a composed query; only their ratio matters."""

    text: float = 1.0
    image: float = 1.0


@dataclass(frozen=True, slots=True)
class CollapseOptions:
    """Show near-duplicates once; see `search.collapse`. `threshold`: minimum cosine similarity of two images that count
    as one.
    """

    threshold: float = DEFAULT_DUPLICATE_THRESHOLD


@dataclass(frozen=True, slots=True)
class GroupOptions:
    """Show products that share a value once; see `search.grouping`. `field`: category or an attribute; `size`: how many
    others of its group a result shows.
    """

    field: str
    size: int = DEFAULT_GROUP_SIZE


@dataclass(frozen=True, slots=True)
class DiversityOptions:
    """Trade relevance for variety; see `search.diversity`. `balance`: the λ of MMR, 1 for relevance alone."""

    balance: float = DEFAULT_LAMBDA


@dataclass(frozen=True, slots=True)
class FacetOptions:
    """What is counted: `category`, `price` or an attribute; `ranges`: see `search.number_facets`."""

    field: str
    ranges: int | tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class SortKey:
    """What results are sorted by; see `service.search.sorting`. `field`: price, updated_at, or an attribute's name."""

    field: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """How many products were sorted or grouped, and whether these are all that match."""

    window: int
    complete: bool


@dataclass(frozen=True, slots=True)
class HybridScores:
    """Where a product of a hybrid search comes from: both scores, from 0 to 1, and what they make together.

    Equal scores share a rank. `dense_rank` is among the products that were compared, and so is `lexical_rank` under a
    filter; otherwise it is among all of the catalog. `lexical` is 0, and without a rank, where the product shares no
    word with the text. `boost`: the share of the catalog's values named in the text that
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
    """A product hidden behind one that looks the same; `similarity` is their cosine similarity."""

    product_id: str
    similarity: float
    same_picture: bool


@dataclass(frozen=True, slots=True)
class Member:
    """A product behind the one that its group shows; `score` is its cosine similarity to the query."""

    product: Product
    score: float


@dataclass(frozen=True, slots=True)
class Group:
    """The products that share a value: how many were found, the one shown included, and the first of the others."""

    value: Scalar
    count: int
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class FacetCount:
    """A value and how many products have it."""

    value: Scalar
    count: int


@dataclass(frozen=True, slots=True)
class FacetStats:
    """Of the numbers of a field, each different one of a product counted once."""

    count: int
    min: float
    max: float
    mean: float


@dataclass(frozen=True, slots=True)
class FacetRange:
    """How many numbers lie within bounds, which are those of a filter."""

    count: int
    gte: float | None = None
    lt: float | None = None
    lte: float | None = None


@dataclass(frozen=True, slots=True)
class Facet:
    """The most frequent values; `other` counts further ones, and `missing` the products that have none. `stats` is None
    where no product has a number.
    """

    values: tuple[FacetCount, ...]
    other: int
    missing: int
    stats: FacetStats | None = None
    ranges: tuple[FacetRange, ...] = ()


@dataclass(frozen=True, slots=True)
class Facets:
    """Counts by name, over `window` products: all that match if they are `complete`, else the best of them."""

    window: int
    complete: bool
    counts: Mapping[str, Facet]
