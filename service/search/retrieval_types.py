"""Options and results of retrieval: plain, immutable, free of HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from PIL.Image import Image

from service.product import Scalar
from service.stores.store import Hit
from service.wire.limits import DEFAULT_DUPLICATE_THRESHOLD


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
class SortKey:
    """What results are sorted by; see `service.search.sorting`. `field`: price, updated_at, or an attribute's name."""

    field: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Sorted:
    """How many products were sorted, and whether these are all that match."""

    window: int
    complete: bool


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
    """A product hidden behind one that looks the same; `similarity` is their cosine similarity."""

    product_id: str
    similarity: float
    same_picture: bool


@dataclass(frozen=True, slots=True)
class Further:
    """What a second search added to a first; see `service.search.second_search`.

    `hits`: new products, with the similarities to the query as it was sent; `images`: theirs; `ranks`: their places in
    retrieval order, behind all others if the first search did not find them; `order_scores`: what the second search
    sorted by, of all that it found, by product id; `duplicates`: new products hidden behind old and new ones.
    """

    hits: tuple[Hit, ...] = ()
    ranks: tuple[int, ...] = ()
    order_scores: Mapping[str, float] = field(default_factory=dict)
    duplicates: Mapping[str, tuple[Duplicate, ...]] = field(default_factory=dict)
    images: Sequence[Image | None] = ()


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
