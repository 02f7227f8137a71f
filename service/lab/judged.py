"""Judged queries: the content of a data set, in any format. Ids are opaque texts (COCO's numbers too).

Readers are in `service.lab.datasets`, measures in `service.lab.measures`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from service.catalog.document_form import DocumentForm
from service.lab.dataset_image import ImageRef
from service.lab.lab_errors import JudgmentsMissing
from service.product import AttributeValue
from service.stores.filters import Filter

DESCRIPTION = "description"
"""The attribute that is embedded with the title, unless a configuration says otherwise."""

Judgments = Mapping[str, Mapping[str, int]]
"""Query id → {document id: grade}; 0 is "judged and not relevant", and a document that is not named is not judged."""


@dataclass(frozen=True, slots=True)
class LabQuery:
    """One query: text, image, or both."""

    id: str
    text: str | None = None
    image: ImageRef | None = None
    filter: Filter | None = None
    excluded: frozenset[str] = frozenset()
    """Documents removed from every ranking before it is measured (CIRR: the reference image)."""
    gallery: tuple[str, ...] | None = None
    """The only documents that are ranked for this query (GeneCIS); None: all of the data set."""
    subset: tuple[str, ...] | None = None
    """The group that is ranked once more on its own (CIRR's R_subset), without the excluded; None: there is none."""
    wordings: tuple[str, ...] = ()
    """Further texts for the same wish. A retriever embeds `text` and each of these with the image and searches with
    the normalized mean of the unit vectors (FashionIQ's two caption orders, as SEARLE does it)."""
    more_images: tuple[ImageRef, ...] = ()
    """Further images of the query (PinPoint): a retriever embeds each of them with the text, and searches with the
    normalized mean; a reranker sees the first one."""
    topic: str | None = None
    """Queries with the same topic are variations of one wish, and count as one: their values are averaged before
    anything else is computed."""
    tags: frozenset[str] = frozenset()
    """Tags to slice by, as `kind:value` (`category:dress`, `aspect:viewpoint`)."""
    official: Mapping[str, object] = field(default_factory=dict, compare=False)
    """The row of the published file, for submissions that repeat it (FashionIQ)."""

    @property
    def unit(self) -> str:
        """The id that this query's values are counted under."""
        return self.topic or self.id


@dataclass(frozen=True, slots=True)
class LabDocument:
    """One document of the gallery: a product, or a bare image."""

    id: str
    title: str = ""
    image: ImageRef | None = None
    category: str | None = None
    price: float | None = None
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)

    @property
    def words(self) -> str | None:
        """Everything that is written about it; None where nothing is."""
        return DocumentForm(("title", "category", *self.attributes)).words(self)

    @property
    def description(self) -> str:
        """The text below the title: a product's description, or BEIR's passage."""
        return str(self.attributes.get(DESCRIPTION) or "")


@dataclass(frozen=True, slots=True)
class Protocol:
    """How the papers measure on a data set."""

    measures: tuple[str, ...]
    """Names that `service.lab.measures.parse` knows, in the order of the papers' tables."""
    depth: int
    """How many documents a ranking needs for these measures."""
    note: str = ""
    """What must be known for comparison with published numbers; printed with every result."""
    submission: str | None = None
    """The evaluation server that takes runs of this split (`cirr`, `circo`, `fashioniq`); None: there is none."""
    unjudged: bool = False
    """Nobody has judged these queries yet: runs of them are made to be judged, with `withthis judge`."""
    macro: str | None = None
    """The kind of tag whose values are averaged to the total (FashionIQ: `category`); None: the mean over queries."""


@dataclass(frozen=True, slots=True)
class DataSet:
    """Queries, the documents they search, and who judged what."""

    name: str
    documents: Mapping[str, LabDocument]
    queries: Mapping[str, LabQuery]
    judgments: Judgments | None
    """None: the ground truth is not public. Such a split only serves for submissions."""
    protocol: Protocol

    def require_judgments(self) -> Judgments:
        """The judgments. Raises JudgmentsMissing for a split without public ground truth."""
        if self.judgments is None:
            raise JudgmentsMissing(self.name)
        return self.judgments


@dataclass(frozen=True, slots=True)
class RankedList:
    """Documents best first, each once. The order is all that counts, so there are no ties to break differently."""

    documents: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(set(self.documents)) != len(self.documents):
            raise ValueError("a document is ranked twice")

    @property
    def scores(self) -> tuple[int, ...]:
        """n, n-1, …, 1: strictly decreasing, and exact in the 32 bits that trec_eval keeps of a score."""
        return tuple(range(len(self.documents), 0, -1))

    def without(self, excluded: frozenset[str]) -> RankedList:
        """The list with some documents removed."""
        return RankedList(tuple(document for document in self.documents if document not in excluded))

    def within(self, kept: Collection[str]) -> RankedList:
        """The list with only these documents left."""
        return RankedList(tuple(document for document in self.documents if document in kept))


@dataclass(frozen=True, slots=True)
class Run:
    """The answers of one configuration: a ranking for each query, and one of the subset if the query has one.

    A query without a ranking counts as empty.
    """

    name: str
    rankings: Mapping[str, RankedList]
    subsets: Mapping[str, RankedList] = field(default_factory=dict)
    """Query id → the order of its `subset`. Where it is missing, the order is that in `rankings`."""
