"""Exact search with NumPy: every row is compared. For experiments, and as the ground truth for measuring indexes.

In memory (`exact:`) or in a file (`exact:/path/products.jsonl`), see `service.stores.exact.exact_file`.
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from service.encoders.encoder import EncoderInfo
from service.errors import EncoderMismatch
from service.product import Product
from service.stores.exact.exact_file import RowFile
from service.stores.filter_evaluation import matches
from service.stores.filters import Filter, check_filter
from service.stores.revisions import RevisionStore, belongs, heads_among, is_head, read_whole, row_key
from service.stores.store import Hit, Record, RowState, Store, Vector

SCHEME = "exact:"
_SCAN_BATCH = 1000


class ExactStore(RevisionStore):
    """The `VersionedStore` over a dictionary of rows. Safe to use from several threads.

    Memory: the vectors twice (in the rows and as one matrix), 4 bytes a number. A search is one product of a matrix
    [n, dimension] with a vector, and a filter is evaluated on each row.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Nothing is opened before the first use. Without a path the rows end with this object."""
        self._path = path
        self._file: RowFile | None = None
        self._rows: dict[str, Record] = {}
        self._table: tuple[list[Record], Vector] | None = None
        self._built: tuple[str, str] | None = None
        self._lock = threading.RLock()

    @classmethod
    def from_uri(cls, uri: str) -> "ExactStore":
        """The store that `exact:` or `exact:PATH` names."""
        path = uri.removeprefix(SCHEME)
        return cls(Path(path) if path else None)

    def ensure(self, info: EncoderInfo) -> None:
        """Bind the store to an encoder. See `Store.ensure`."""
        with self._lock:
            self._open()
            if self._built is None:
                self._built = (info.id, info.fingerprint)
                if self._file is not None:
                    self._file.begin(self._built)
            elif self._built != (info.id, info.fingerprint):
                raise EncoderMismatch

    def upsert(self, records: Sequence[Record]) -> None:
        """Write rows. See `Store.upsert`."""
        with self._lock:
            self._open()
            if self._file is not None:
                self._file.put(records)
            self._rows.update({row_key(record): record for record in records})
            self._table = None

    def search(self, vector: Vector, *, limit: int, filter: Filter | None = None) -> list[Hit]:
        """Nearest products. See `Store.search`."""
        rows, matrix = self._snapshot()
        scores = np.clip(matrix @ np.asarray(vector, np.float32), -1.0, 1.0) if rows else np.zeros(0, np.float32)
        found = [rows[place].found(float(scores[place])) for place in _best_of_each(rows, scores, filter, limit)]
        return sorted(found, key=lambda hit: (-hit.score, hit.product_id))

    def get(self, product_id: str) -> list[Record]:
        """All rows of one product. See `Store.get`."""
        return read_whole(lambda: [row for row in self._snapshot()[0] if row.product_id == product_id])

    def records(self, keys: Sequence[str]) -> list[Record]:
        """Rows by key. See `RevisionStore.records`."""
        with self._lock:
            self._open()
            return [self._rows[key] for key in dict.fromkeys(keys) if key in self._rows]

    def states(self, keys: Sequence[str]) -> list[RowState]:
        """States by key. See `RevisionStore.states`."""
        return [row.state for row in self.records(keys)]

    def states_of(self, product_ids: Sequence[str]) -> list[RowState]:
        """States of products. See `RevisionStore.states_of`."""
        wanted = set(product_ids)
        return [row for page in self.scan() for row in page if row.product_id in wanted]

    def page(self, *, after: str, limit: int, filter: Filter | None = None) -> list[tuple[str, Product]]:
        """Rows in the order of their ids. See `Store.page`."""
        if filter is not None:
            check_filter(filter)
        rows = sorted((row for row in self._snapshot()[0] if row_key(row) > after), key=row_key)
        found = (row for row in rows if filter is None or matches(filter, row.product))
        return [(row_key(row), row.product) for row in islice(found, limit)]

    def matching(self, filter: Filter | None, *, most: int) -> list[Product] | None:
        """All products that pass a filter. See `Store.matching`."""
        if filter is not None:
            check_filter(filter)
        rows = (row for row in self._snapshot()[0] if filter is None or matches(filter, row.product))
        found = list(islice(rows, most + 1))
        return [row.product for row in found if is_head(row)] if len(found) <= most else None

    def scan(self) -> Iterator[list[RowState]]:
        """All rows. See `Store.scan`."""
        with self._lock:
            self._open()
            rows = list(self._rows.values())
        for start in range(0, len(rows), _SCAN_BATCH):
            yield [row.state for row in rows[start : start + _SCAN_BATCH]]

    def delete_rows(self, ids: Sequence[str]) -> int:
        """Delete rows. See `Store.delete_rows`."""
        with self._lock:
            self._open()
            known = [key for key in dict.fromkeys(ids) if key in self._rows]
            if self._file is not None and known:
                self._file.remove(known)
            for id in known:
                del self._rows[id]
            self._table = None
            return len(known)

    def count(self) -> int:
        """The number of rows. See `Store.count`."""
        with self._lock:
            self._open()
            return len(self._rows)

    def settle(self, at_least: int = 0) -> None:
        """Nothing to do: every row is compared. See `Store.settle`."""

    def ping(self) -> None:
        """Return if the file can be opened. See `Store.ping`."""
        with self._lock:
            self._open()

    def close(self) -> None:
        """Close the file, which is compacted first. Rows in memory stay. See `Store.close`."""
        with self._lock:
            if self._file is not None:
                self._file.close(self._rows.values())
                self._file = None
                self._rows, self._table, self._built = {}, None, None

    def claim(self) -> None:
        """Open the file. See `VersionedStore.claim`."""
        self.ping()

    def built_by(self) -> tuple[str, str] | None:
        """Encoder id and fingerprint. See `VersionedStore.built_by`."""
        with self._lock:
            self._open()
            return self._built

    def beside(self, info: EncoderInfo) -> "ExactStore":
        """A store in memory, or in a file with `.next` at its end. See `VersionedStore.beside`."""
        store = ExactStore(self._next)
        if store.built_by() not in (None, (info.id, info.fingerprint)):
            store.close()
            self.drop_others()
        store.ensure(info)
        return store

    def publish(self, beside: Store) -> "ExactStore":
        """Take over the rows, and the file. See `VersionedStore.publish`."""
        if not isinstance(beside, ExactStore):
            raise TypeError("publish takes what beside() gave")
        with self._lock, beside._lock:
            self._open()
            replaced = ExactStore()
            replaced._rows, replaced._built = self._rows, self._built
            if self._file is not None and beside._file is not None:
                self._file.replace_by(beside._file)
                beside._file = None
            self._rows, self._built, self._table = beside._rows, beside._built, None
            return replaced

    def drop_others(self) -> int:
        """Delete a half-filled file. See `VersionedStore.drop_others`."""
        if self._next is None or not self._next.exists():
            return 0
        self._next.unlink()
        return 1

    def image_keys(self) -> set[str]:
        """Images of all rows. See `VersionedStore.image_keys`."""
        return {state.image_key for page in self.scan() for state in page}

    @property
    def _next(self) -> Path | None:
        return None if self._path is None else self._path.with_name(self._path.name + ".next")

    def _snapshot(self) -> tuple[list[Record], Vector]:
        """The rows that their heads name, and their vectors as float32 [n, dimension]; recomputed after a change."""
        with self._lock:
            self._open()
            if self._table is None:
                heads = heads_among(self._rows.values())
                rows = [row for row in self._rows.values() if belongs(row, heads)]
                matrix = np.stack([row.vector for row in rows]) if rows else np.zeros((0, 0), np.float32)
                self._table = rows, matrix.astype(np.float32, copy=False)
            return self._table

    def _open(self) -> None:
        if self._path is not None and self._file is None:
            self._file = RowFile(self._path)
            self._built, self._rows = self._file.load()


def _best_of_each(rows: Sequence[Record], scores: Vector, filter: Filter | None, limit: int) -> list[int]:
    """The positions of the best matching rows of the `limit` best products, best first."""
    order: Iterable[int] = np.argsort(-scores, kind="stable").tolist()
    if filter is not None:
        check_filter(filter)
        if filter.id is not None and filter.id.in_:  # as hybrid search asks for few of many
            named = frozenset(filter.id.in_)
            order = (place for place in order if rows[place].product_id in named)
        order = (place for place in order if matches(filter, rows[place].product))
    best: dict[str, int] = {}
    for place in order:
        if len(best) == limit:
            break
        best.setdefault(rows[place].product_id, place)
    return list(best.values())
