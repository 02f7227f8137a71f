"""What the first half of a search found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from rerank.query import Query
from service.search.paging import Cursor
from service.search.query_images import OpenedImages
from service.search.retrieval_types import Duplicate, Facets, Further, Sorted
from service.search.rules.ruling import Ruling
from service.search.understanding.understand import Understood
from service.stores.store import Hit, Vector


@dataclass(frozen=True, slots=True)
class Retrieved:
    """The products found, best first or sorted, behind `offset` others; the first `limit` of them, once they are
    ranked, make the page. `ranks`: the places of `hits` in retrieval order, from 1; `truncated`: a text was cut to what
    the encoder takes; `duplicates`: what each product stands for in addition to itself, by product id; `more`: whether
    another page may follow; none does behind the search window; `notices`: why a filter may have found nothing, or what
    sorts nothing; `text`: what was searched for, which is the query's without what was understood as a condition;
    `ruling`: what is to become of a first page's order; later pages have gone through it; `vector`: what was searched
    by; `window`: all that was looked at, in retrieval order; `query`: with the first of `images`.
    """

    query: Query
    images: OpenedImages
    hits: tuple[Hit, ...]
    truncated: bool
    ranks: tuple[int, ...]
    limit: int
    key: bytes
    vector: Vector = field(compare=False, repr=False)
    cursor: Cursor | None = None
    more: bool = False
    duplicates: Mapping[str, tuple[Duplicate, ...]] = field(default_factory=dict)
    facets: Facets | None = None
    sorted: Sorted | None = None
    notices: tuple[str, ...] = ()
    text: str | None = None
    understood: Understood | None = None
    ruling: Ruling = field(default_factory=Ruling)
    window: tuple[Hit, ...] = ()

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
        added = [pair for pair in zip(further.hits, further.ranks, strict=True) if pair[0].product_id not in found]
        behind = {id: self.duplicates.get(id, ()) + more for id, more in further.duplicates.items()}
        return replace(
            self,
            hits=self.hits + tuple(hit for hit, _ in added),
            ranks=self.ranks + tuple(rank for _, rank in added),
            duplicates={**self.duplicates, **behind},
            ruling=Ruling.of(self.ruling.rules, [*self.window, *further.hits]),
        )
