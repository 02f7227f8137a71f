"""Drafts of a feed's products: each is written as a whole, once all its adjacent images are there.

A feed names a product's images one per line. A product is written when the feed has gone on to another one and all its
vectors are made. Where its lines are not adjacent, it is written again with what came later; images that are stored and
that the feed has not come to yet stay until it ends.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from service.stores.store import Record, Store, row_id


@dataclass(slots=True)
class _Draft:
    """`stored`: the rows when the feed came to the product; `made`: new ones by id, None until they are made."""

    stored: Sequence[Record]
    made: dict[str, Record | None] = field(default_factory=dict)

    @property
    def is_ready(self) -> bool:
        return None not in self.made.values()

    def rows(self) -> list[Record]:
        """The product with its new rows in place of the old ones, numbered without a gap."""
        made = {id: row for id, row in self.made.items() if row is not None}
        rows = {row.id: row for row in self.stored} | made
        ordered = sorted(rows.values(), key=lambda row: (len(row.id), row.id))
        return [replace(row, id=row_id(row.product_id, number)) for number, row in enumerate(ordered)]


class Drafts:
    """The products in progress, by id."""

    def __init__(self, store: Store) -> None:
        """The store must have been bound to the encoder."""
        self._store = store
        self._drafts: dict[str, _Draft] = {}
        self._last: str | None = None

    def expect(self, product_id: str, id: str, stored: Sequence[Record]) -> None:
        """A row with this id is being made; `stored` counts for the first one of a product."""
        self._drafts.setdefault(product_id, _Draft(stored)).made[id] = None

    def add(self, rows: Mapping[str, Record]) -> None:
        """Rows that were made, by their ids."""
        for id, row in rows.items():
            self._drafts[row.product_id].made[id] = row

    def drop(self, product_id: str, id: str) -> None:
        """A row that cannot be made after all."""
        del self._drafts[product_id].made[id]

    def pass_on(self, product_id: str) -> None:
        """The feed is at this product now."""
        self._last = product_id

    def write(self, *, all: bool = False) -> None:
        """Write what is ready; with `all` also the product that the feed came to last."""
        ready = [id for id, draft in self._drafts.items() if draft.is_ready and (all or id != self._last)]
        drafts = [self._drafts.pop(id) for id in ready]
        products = [rows for draft in drafts if draft.made and (rows := draft.rows())]
        if products:
            self._store.write(products)
