"""What the first half of a search found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from rerank.query import Query
from service.search.paging import Cursor
from service.search.query_images import OpenedImages
from service.search.retrieval_types import Facets, Window
from service.search.selection import Selection
from service.search.understanding.understand import Understood
from service.stores.store import Hit, Vector


@dataclass(frozen=True, slots=True)
class Further:
    """What a second search added to a first; see `service.search.second_search`.

    `hits`: new products, with the similarities to the query as it was sent; `selection`: that of both searches
    together.
    """

    hits: tuple[Hit, ...] = ()
    selection: Selection | None = None


@dataclass(frozen=True, slots=True)
class Retrieved:
    """The products found, best first or sorted, behind `offset` others; the first `limit` of them, once they are
    ranked, make the page. `query`: with the first of `images`; `truncated`: a text was cut to what the encoder takes;
    `vector`: what was searched by; `selection`: what they were chosen from, what each stands for, and what is to become
    of a first page's order; `more`: whether another page may follow; none does behind the search window; `sorted` and
    `grouped`: what that was done to, if it was; `notices`: why a filter may have found nothing, or what sorts nothing;
    `text`: what was searched for, which is the query's without what was understood as a condition.
    """

    query: Query
    images: OpenedImages
    hits: tuple[Hit, ...]
    truncated: bool
    limit: int
    key: bytes
    vector: Vector = field(compare=False, repr=False)
    selection: Selection
    cursor: Cursor | None = None
    more: bool = False
    facets: Facets | None = None
    sorted: Window | None = None
    grouped: Window | None = None
    notices: tuple[str, ...] = ()
    text: str | None = None
    understood: Understood | None = None

    @property
    def offset(self) -> int:
        """The products on the previous pages."""
        return self.cursor.shown if self.cursor else 0

    def next_cursor(self, page: Sequence[Hit]) -> str | None:
        """What leads to the page behind this one, whose products may be others than were found here; None if there is
        none.
        """
        shown = {hit.product_id for hit in page}
        more = self.more or any(hit.product_id not in shown for hit in self.hits)
        following = Cursor.after_first(page) if self.cursor is None else self.cursor.moved(len(page))
        return following.to_text(self.key) if more else None

    def extended(self, further: Further) -> Retrieved:
        """The same with what a second search added, behind the others."""
        found = {hit.product_id for hit in self.hits}
        added = tuple(hit for hit in further.hits if hit.product_id not in found)
        return replace(self, hits=self.hits + added, selection=further.selection or self.selection)
