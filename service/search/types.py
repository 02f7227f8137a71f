"""The values that go into and come out of `SearchPipeline`: plain, immutable, free of HTTP.

`service.server.mapping` turns JSON into a `SearchRequest` and a `SearchResponse` into JSON; the command line builds
them directly.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from PIL.Image import Image

from rerank.degraded import Degraded
from rerank.fusion import FusionMethod
from service.images.crop import Crop
from service.images.sources import InlineImage, UploadedImage, UrlImage
from service.product import Product
from service.search.reason_check import ReasonFault
from service.search.retrieval_types import (
    CollapseOptions,
    DiversityOptions,
    Duplicate,
    FacetOptions,
    Facets,
    Group,
    GroupOptions,
    HybridOptions,
    HybridScores,
    QueryWeights,
    SortKey,
    Window,
)
from service.search.understanding.understand import Understood
from service.stores.filters import Filter


@dataclass(frozen=True, slots=True)
class ProductImage:
    """The stored image of a product in the catalog. That product is left out of the results."""

    product_id: str


WholeImage = UploadedImage | InlineImage | UrlImage | ProductImage


@dataclass(frozen=True, slots=True)
class CroppedImage:
    """A region of an image, which stands for the image everywhere: it is what is embedded, captioned and ranked."""

    source: WholeImage
    crop: Crop


ImageSource = WholeImage | CroppedImage


@dataclass(frozen=True, slots=True)
class WeightedImage:
    """One image of a query that has several; only the ratio of the weights matters."""

    source: ImageSource
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Negative:
    """What the products should not be: a text, an image or both, and a weight; see `service.search.query_vector`."""

    text: str | None = None
    weight: float = 0.5
    image: ImageSource | None = None


BelowMinScore = Literal["drop", "mark"]


@dataclass(frozen=True, slots=True)
class RerankOptions:
    """How the caller wants the candidates reranked. `None` means: as the settings say."""

    enabled: bool = True
    strategy: str | None = None
    prompt: str | None = None  # id or id@version of a template in prompts/
    candidates: int | None = None  # how many of the best products found are reranked
    fusion_weight: float | None = None  # 1 = order of the reranker alone, 0 = retrieval order alone
    fusion_method: FusionMethod | None = None  # by ranks, or by scores where the reranker gives them
    require: bool = False  # True: no answer (503) rather than an answer in retrieval order
    deadline_ms: int | None = None  # time for captioning and reranking together
    refine: bool = False  # True: one more search, toward the best of the first ranking
    explain: bool = False  # True: the answer holds what the model saw and wrote
    min_score: float | None = None  # least score of the reranker, from 0 to 1; only for absolute scores
    below: BelowMinScore = "drop"  # what becomes of products that do not reach it


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """One composed query: text, image, or both. Several `images` are given in place of `image`."""

    text: str | None = None
    image: ImageSource | None = None
    images: tuple[WeightedImage, ...] = ()
    filter: Filter | None = None
    limit: int = 9
    min_score: float | None = None  # least cosine similarity of a result, from -1 to 1
    rerank: RerankOptions = field(default_factory=RerankOptions)
    hybrid: HybridOptions | None = None
    weights: QueryWeights | None = None
    negative: Negative | None = None
    collapse: CollapseOptions | None = None
    group_by: GroupOptions | None = None
    diversity: DiversityOptions | None = None  # of the first products, after reranking and before rules
    facets: tuple[FacetOptions, ...] = ()
    sort: tuple[SortKey, ...] = ()  # instead of by relevance; then nothing is reranked
    understand: bool = False  # read price bounds, negations and values of the catalog in the sentence
    apply_rules: bool = True  # merchandising rules, where the service has any
    cursor: str | None = None  # `next_cursor` of the previous page; only the first page is reranked
    session: str | None = None  # whose search it is, for the search log
    instruction: str | None = None  # what the query is to be read for, for models that take one
    rival: RerankOptions | None = None  # interleave the first page's order with that of these options

    @property
    def wanted_images(self) -> tuple[WeightedImage, ...]:
        """All images that are searched for; the reranker and the caption are about the first."""
        return self.images or (() if self.image is None else (WeightedImage(self.image),))

    @property
    def is_reranked(self) -> bool:
        """Whether an order other than that of retrieval is to be made: by a model, or from two retrievals."""
        return (self.rerank.enabled or self.rival is not None) and not self.keeps_order

    @property
    def keeps_order(self) -> bool:
        """Whether no model may change the order: later pages are in retrieval order, and sorted results stay sorted."""
        return self.cursor is not None or bool(self.sort)


@dataclass(frozen=True, slots=True)
class ResultScores:
    """`retrieval`: cosine; `hybrid`: what retrieval sorted by, where that is not the cosine; `rerank`: the engine's own
    score or None; `fused`: what reranking sorted by, or None.
    """

    retrieval: float
    rerank: float | None = None
    fused: float | None = None
    hybrid: HybridScores | None = None


@dataclass(frozen=True, slots=True)
class SearchResult:
    """One product in the answer. Ranks count from 1, over all pages. `duplicates`: those that it stands for."""

    rank: int
    retrieval_rank: int
    product: Product
    scores: ResultScores
    duplicates: tuple[Duplicate, ...] = ()
    group: Group | None = None  # only where the request groups, and the product has a value
    rules: tuple[str, ...] = ()  # the names of those that moved it
    below_min_score: bool = False  # `RerankOptions.min_score` is not reached


@dataclass(frozen=True, slots=True)
class Refined:
    """Whether a ranking went through a second search, how many products that brought, and why it did not."""

    applied: bool
    new: int = 0
    degraded: Degraded | None = None


@dataclass(frozen=True, slots=True)
class RerankReport:
    """What happened to the order: the provenance of a ranking."""

    applied: bool
    engine: str | None = None
    strategy: str | None = None
    prompt: str | None = None
    fault: str | None = None
    repaired: tuple[str, ...] = ()  # ids of products whose place the model did not give
    reason: str | None = None
    reason_fault: ReasonFault | None = None  # why the reason that the model gave is not shown
    degraded: Degraded | None = None
    interleaved: bool = False  # the order is drawn from this ranking and another one
    dropped: int = 0  # products found that are left out, as they do not reach the least score
    refined: Refined | None = None  # only where it was to be refined


@dataclass(frozen=True, slots=True)
class RankedBy:
    """An order of all products found (ids, best first) and the configuration that made it; the numbers are None if
    it does not rerank. `shared`: it comes from the model's answer for another order. `retrieval`: the name of the
    retrieval, where two are compared.
    """

    order: tuple[str, ...]
    report: RerankReport
    candidates: int | None = None
    fusion_weight: float | None = None
    fusion_method: FusionMethod | None = None
    shared: bool = False
    retrieval: str | None = None


@dataclass(frozen=True, slots=True)
class Orders:
    """The orders that an order was made from: `a` alone or, in an interleaved search, `a` and `b`.

    `teams`: who picked the product at each place, such as "ABBA"; empty if `a` alone made the order.
    """

    a: RankedBy
    b: RankedBy | None = None
    teams: str = ""


@dataclass(frozen=True, slots=True)
class SearchTrace:
    """How an answer came about, for logs and counters; ids of all products found, of which the answer shows the first.

    `image_hashes`: of the query's images, `negative_hash` of the one that is not wanted; `offset`: products on the
    previous pages; `orders`: what made `order`.
    """

    image_hashes: tuple[str, ...]
    negative_hash: str | None
    offset: int
    retrieved: tuple[str, ...]
    order: tuple[str, ...]
    orders: Orders


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the model saw and wrote: `shown` are products in the order of their labels (A, B, …), `panel` the one
    image they were shown on, `raw` at most 64 KiB. Empty where the strategy does not work that way."""

    raw: str
    shown: tuple[str, ...]
    panel: Image | None
    prompt_tokens: int
    generated_tokens: int


@dataclass(frozen=True, slots=True)
class SearchResponse:
    """A complete ranking with its provenance and the time each stage took (milliseconds)."""

    id: str
    caption: str | None
    truncated: bool
    results: tuple[SearchResult, ...]
    rerank: RerankReport
    timings_ms: dict[str, float]
    facets: Facets | None = None
    sorted: Window | None = None  # only where the request sorts
    grouped: Window | None = None  # only where the request groups
    next_cursor: str | None = None
    notices: tuple[str, ...] = ()
    understood: Understood | None = None  # the interpretation of the text, if requested
    rules: tuple[str, ...] = ()  # the names of those that were applied
    explanation: Explanation | None = None  # only where the request asks for it
    images: int = 0  # of the query; the caption and the reranking are about the first
    trace: SearchTrace | None = None
