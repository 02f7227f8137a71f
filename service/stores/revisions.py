"""A product's write is one revision of it, whoever else writes, reads or is killed at the same moment.

A product with n images is n rows, `id#0` to `id#n-1`. Row 0 is the product's *head*: its key stays the same, and it
names the revision that counts and the number of its rows. The keys of the other rows hold their revision. A write puts
the other rows first, where no reader takes them; then the head, which is the commit, because every store replaces one
row in one step; then it deletes the other rows of the revision that it replaced. Readers take the head, and the rows of
the revision that it names.

- Of two writers the one whose head comes last wins, with all its rows. No clock decides.
- A process killed before the commit leaves the old revision, after it the new one. Nobody reads what else it leaves
  behind, and `leftovers` finds it: rows that no head names and that are too old to belong to a write in progress.
- A product with one image is its head alone: nothing to compare, nothing to delete.
- Rows of before there were revisions have none, and keys without one. They belong to a head without one, or to none.

This is the commit record of a log-structured store (Lampson and Sturgis, "Crash Recovery in a Distributed Data Storage
System", 1979), with a product for a transaction. It needs no compare-and-set, which Milvus and Pinecone lack.
"""

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

from service.stores.filters import Filter
from service.stores.store import Record, RowState, product_of, row_id

GRACE_S = 15 * 60
"""A row that no head names belongs to a write in progress for so long at most; every step of one has a timeout."""

_REVISION_BYTES = 4
_READS = 5
_SWEPT_AT_ONCE = 256
_PAUSE_S = 0.02


class Revised(Protocol):
    """What is needed of a row here; records, states and hits have it."""

    @property
    def id(self) -> str:
        """`<product id>#<number>`."""

    @property
    def product_id(self) -> str:
        """The product's id."""

    @property
    def revision(self) -> str:
        """The write that the row is from; empty for rows from before revisions."""


class Whole(Revised, Protocol):
    """A row that also says how many rows its revision has, and when it was written."""

    @property
    def revision_rows(self) -> int:
        """How many rows the revision has; 0 where that is not known."""

    @property
    def updated_at(self) -> int:
        """Unix time in milliseconds."""


_Row = TypeVar("_Row", bound=Revised)
_WholeRow = TypeVar("_WholeRow", bound=Whole)


class ProductMoved(Exception):  # noqa: N818 (it is no error but news)
    """Another writer has changed the product since it was read; nothing was written."""


def head_id(product_id: str) -> str:
    """The id, and the key, of a product's head."""
    return row_id(product_id, 0)


def is_head(row: Revised) -> bool:
    """True for row 0."""
    return row.id == head_id(row.product_id)


def row_key(row: Revised) -> str:
    """The key under which a store keeps the row."""
    return row.id if is_head(row) or not row.revision else f"{row.id}.{row.revision}"


def id_of_key(key: str, revision: str) -> str:
    """The row's id again."""
    return key.removesuffix(f".{revision}") if revision else key


def belongs(row: Revised, heads: Mapping[str, Revised]) -> bool:
    """True if the row is of the revision that its product's head names; `heads` by product id."""
    head = heads.get(row.product_id)
    return is_head(row) or row.revision == (head.revision if head else "")


def heads_among(rows: Iterable[_Row]) -> dict[str, _Row]:
    """The heads among rows, by product id."""
    return {row.product_id: row for row in rows if is_head(row)}


def read_whole(read: Callable[[], Sequence[_WholeRow]]) -> list[_WholeRow]:
    """The rows of one product's revision in their order, read again while they are not all there.

    Stores without snapshots may show the moment between two steps of a write. What is incomplete after that is given as
    it is: a missing row is better than an unreadable product.
    """
    rows = read()
    for number in range(1, _READS):
        if _is_whole(rows):
            break
        time.sleep(_PAUSE_S * number)
        rows = read()
    return _of_revision(rows)


def _of_revision(rows: Sequence[_WholeRow]) -> list[_WholeRow]:
    heads = heads_among(sorted(rows, key=lambda row: row.updated_at))  # an upsert in two steps shows both: the newer
    found = {row.id: row for row in rows if belongs(row, heads)} | {head.id: head for head in heads.values()}
    return sorted(found.values(), key=lambda row: (len(row.id), row.id))


def _is_whole(rows: Sequence[_WholeRow]) -> bool:
    found = _of_revision(rows)
    if not found:
        return not rows
    return found[0].revision_rows in (0, len(found))


def leftovers(states: Iterable[RowState], heads: Mapping[str, RowState], now: int) -> list[RowState]:
    """Rows that no head names and that are older than any write in progress. `now` is Unix time in milliseconds."""
    oldest = now - GRACE_S * 1000
    return [row for row in states if not belongs(row, heads) and row.updated_at < oldest]


class RevisionStore:
    """Operations on whole products, built on a store's operations on rows."""

    def upsert(self, records: Sequence[Record]) -> None:
        """Write rows as they are stamped; a row with a known key is replaced."""
        raise NotImplementedError

    def records(self, keys: Sequence[str]) -> list[Record]:
        """The rows with these keys; unknown ones are left out, order is free."""
        raise NotImplementedError

    def states(self, keys: Sequence[str]) -> list[RowState]:
        """The same without fields and vectors."""
        raise NotImplementedError

    def states_of(self, product_ids: Sequence[str]) -> list[RowState]:
        """All rows of these products, whatever their revision, in no order."""
        raise NotImplementedError

    def get(self, product_id: str) -> list[Record]:
        """See `Store.get`."""
        raise NotImplementedError

    def scan(self) -> Iterator[list[RowState]]:
        """See `Store.scan`."""
        raise NotImplementedError

    def delete_rows(self, keys: Sequence[str]) -> int:
        """Delete rows by key; the number of rows deleted."""
        raise NotImplementedError

    def discard(self, keys: Sequence[str]) -> None:
        """Delete rows that nothing reads: how many there were, and when they are gone, does not matter."""
        if keys:
            self.delete_rows(keys)

    def write(self, products: Sequence[Sequence[Record]], *, read: Mapping[str, Record] | None = None) -> None:
        """See `Store.write`."""
        stamped = [_stamped(rows) for rows in products]
        others = [row for rows in stamped for row in rows[1:]]
        if others:
            self.upsert(others)
        before = self.heads([rows[0].product_id for rows in stamped])
        if any(_mark(before.get(id)) != _mark(head) for id, head in (read or {}).items()):
            self.discard([row_key(row) for row in others])
            raise ProductMoved
        self.upsert([_after(rows[0], before.get(rows[0].product_id)) for rows in stamped])
        self._sweep(stamped, before)

    def delete(self, product_ids: Sequence[str]) -> int:
        """See `Store.delete`. The head goes first: that is the commit.

        With it go all rows without a revision, which would count again without it.
        """
        rows = self.states_of(product_ids)
        heads = heads_among(rows)
        first = [row for row in rows if is_head(row) or not row.revision]
        others = [row for row in rows if not (is_head(row) or not row.revision)]
        if first:
            self.delete_rows([row_key(row) for row in first])
        named = [row for row in others if belongs(row, heads)]
        self.discard([row_key(row) for row in (*named, *leftovers(others, heads, now_ms()))])
        return sum(belongs(row, heads) for row in rows)

    def delete_leftovers(self, *, dry_run: bool = False) -> int:
        """See `Store.delete_leftovers`. Heads are read again right before: a scan is no snapshot."""
        rows = [row for page in self.scan() for row in page]
        found = leftovers(rows, heads_among(rows), now_ms())
        deleted = 0
        for start in range(0, len(found), _SWEPT_AT_ONCE):
            batch = found[start : start + _SWEPT_AT_ONCE]
            heads = self.heads(sorted({row.product_id for row in batch}))
            doomed = [row_key(row) for row in leftovers(batch, heads, now_ms())]
            deleted += len(doomed)
            if doomed and not dry_run:
                self.delete_rows(doomed)
        return deleted

    def heads(self, product_ids: Sequence[str]) -> dict[str, RowState]:
        """The heads of those products that there are, by product id."""
        return heads_among(self.states([head_id(id) for id in product_ids])) if product_ids else {}

    def hashes(self, ids: Sequence[str]) -> dict[str, str]:
        """See `Store.hashes`."""
        return {row.id: row.content_hash for row in self.states(self._keys(ids))}

    def fetch(self, ids: Sequence[str]) -> list[Record]:
        """See `Store.fetch`."""
        return self.records(self._keys(ids))

    def row_ids(self, product_ids: Sequence[str]) -> list[str]:
        """See `Store.row_ids`. Heads tell it; only products from before revisions are scanned."""
        heads = self.heads(product_ids)
        known = [head for head in heads.values() if head.revision_rows]
        ids = [row_id(head.product_id, number) for head in known for number in range(head.revision_rows)]
        unknown = [id for id, head in heads.items() if not head.revision_rows]
        old = self.states_of(unknown) if unknown else []
        return ids + [row.id for row in old if not row.revision]

    def products(self, product_ids: Sequence[str]) -> dict[str, list[Record]]:
        """See `Store.products`. Heads are read first: of products with one image they are all. The numbers of rows from
        before revisions have no gaps.
        """
        rows = self.records([head_id(id) for id in dict.fromkeys(product_ids)])
        heads = heads_among(sorted(rows, key=lambda row: row.updated_at))
        unrevised = [row_id(id, 1) for id, head in heads.items() if not head.revision]
        several = [row.product_id for row in self.states(unrevised)] if unrevised else []
        old = self.states_of(several) if several else []
        keys = [row_key(row) for row in old if not (row.revision or is_head(row))]
        keys += [key for head in heads.values() for key in _behind(head)]
        found = {id: [head] for id, head in heads.items()}
        for row in self.records(keys) if keys else []:
            found[row.product_id].append(row)
        whole = {id: _of_revision(rows) for id, rows in found.items() if _is_whole(rows)}
        moved = {id: self.get(id) for id in found.keys() - whole.keys()}  # written between the two questions
        return whole | {id: rows for id, rows in moved.items() if rows}

    def may_pass(self, product_ids: Sequence[str], filter: Filter) -> Sequence[str]:
        """See `Store.may_pass`. All may, where reading them is the only way to tell."""
        return product_ids

    def _keys(self, ids: Sequence[str]) -> list[str]:
        """The keys of rows by their ids, in the current revisions."""
        behind = {product_of(id) for id in ids if not id.endswith("#0")}
        revisions = {id: head.revision for id, head in self.heads(sorted(behind)).items()}
        return [_key(id, revisions.get(product_of(id), "")) for id in dict.fromkeys(ids)]

    def _sweep(self, written: Sequence[Sequence[Record]], before: Mapping[str, RowState]) -> None:
        """Delete what these writes have replaced, and what of them was replaced meanwhile."""
        replaced = {rows[0].product_id: before.get(rows[0].product_id) for rows in written}
        several = [rows for rows in written if len(rows) > 1 or _has_others(replaced[rows[0].product_id])]
        after = self.heads([rows[0].product_id for rows in several])
        doomed: list[str] = []
        for rows in several:
            old, new = replaced[rows[0].product_id], after.get(rows[0].product_id)
            if new is None or (old is not None and new.revision == old.revision):
                continue  # deleted since, or the store shows an older state: nothing is certain
            doomed += self._others(old)
            if new.revision != rows[0].revision and new.updated_at > rows[0].updated_at:
                doomed += [row_key(row) for row in rows[1:]]
        self.discard(doomed)

    def _others(self, head: RowState | None) -> list[str]:
        """The keys of the rows that a head names in addition to itself."""
        if head is None:
            return []
        if not head.revision:
            rows = self.states_of([head.product_id])
            return [row_key(row) for row in rows if not (row.revision or is_head(row))]
        return _behind(head)


def now_ms() -> int:
    """Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


def _key(id: str, revision: str) -> str:
    return id if id.endswith("#0") or not revision else f"{id}.{revision}"


def _behind(head: Whole) -> list[str]:
    """The keys of the other rows of a head's revision; none if it has no revision."""
    return [_key(row_id(head.product_id, number), head.revision) for number in range(1, head.revision_rows)]


def _stamped(rows: Sequence[Record]) -> list[Record]:
    revision = secrets.token_hex(_REVISION_BYTES)
    return [replace(row, revision=revision, revision_rows=len(rows)) for row in rows]


def _after(head: Record, replaced: RowState | None) -> Record:
    """The head with a time later than that of the one that it replaces, whatever the clocks say."""
    return head if replaced is None else replace(head, updated_at=max(head.updated_at, replaced.updated_at + 1))


def _has_others(head: RowState | None) -> bool:
    return head is not None and head.revision_rows != 1


def _mark(head: Record | RowState | None) -> tuple[object, ...]:
    """What distinguishes two states of a product."""
    return () if head is None else (head.revision, head.content_hash, head.updated_at)
