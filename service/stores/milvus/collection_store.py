"""The rows of a collection in Milvus, whichever version of it that is: what is done with them on one connection."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from pymilvus import MilvusClient
from pymilvus.exceptions import MilvusException

from service.product import Product
from service.stores.filters import Filter
from service.stores.milvus.attribute_columns import attribute_names, filter_columns
from service.stores.milvus.connection import Connection
from service.stores.milvus.consistency import Consistency
from service.stores.milvus.grouping import RowRate
from service.stores.milvus.rows import Rows
from service.stores.milvus.schema import FIELDS, STATE_FIELDS, to_record, to_state
from service.stores.milvus.versions import Versions, is_gone, is_not_loaded
from service.stores.revisions import RevisionStore, read_whole, row_key
from service.stores.store import Hit, Record, RowState, Vector

_Answer = TypeVar("_Answer")


class CollectionStore(RevisionStore):
    """Reads and writes the rows of the collection that `_current` names. Safe to use from several threads."""

    def __init__(self, connection: Connection, versions: Versions, search_params: Mapping[str, int]) -> None:
        """Nothing is opened yet; `search_params` are those of the collection's index."""
        self._connection = connection
        self._versions = versions
        self._search_params = search_params
        self._typed: dict[str, bool] = {}
        self._rates: dict[str, RowRate] = {}
        self._epoch = 0
        self._unsettled = 0

    def _current(self, client: MilvusClient) -> str:
        """The collection that is meant, ready to be used."""
        raise NotImplementedError

    def _after_it_went(self, client: MilvusClient, error: MilvusException) -> str:
        """The collection that took the place of one that was dropped. Raises the error if there is none."""
        raise NotImplementedError

    def upsert(self, records: Sequence[Record]) -> None:
        """Write rows. See `Store.upsert`."""
        self._change(lambda rows: rows.upsert(records))
        self._unsettled += len(records)

    def search(self, vector: Vector, *, limit: int, filter: Filter | None = None) -> list[Hit]:
        """Nearest products. See `Store.search`."""
        return self._ask_by(filter, lambda rows: rows.search(vector, limit, filter))

    def get(self, product_id: str) -> list[Record]:
        """All rows of one product. See `Store.get`."""
        return read_whole(lambda: self._ask(lambda rows: rows.get(product_id)))

    def records(self, keys: Sequence[str]) -> list[Record]:
        """Rows by key. See `RevisionStore.records`."""
        return [to_record(row) for row in self._ask(lambda rows: rows.by_id(keys, [*FIELDS, "vector"]))]

    def states(self, keys: Sequence[str]) -> list[RowState]:
        """States by key. See `RevisionStore.states`."""
        return [to_state(row) for row in self._ask(lambda rows: rows.by_id(keys, STATE_FIELDS))]

    def states_of(self, product_ids: Sequence[str]) -> list[RowState]:
        """States of products. See `RevisionStore.states_of`."""
        return self._ask(lambda rows: rows.states_of(product_ids))

    def page(self, *, after: str, limit: int, filter: Filter | None = None) -> list[tuple[str, Product]]:
        """Rows in the order of their ids. See `Store.page`."""
        return self._ask_by(filter, lambda rows: rows.page(after, limit, filter))

    def matching(self, filter: Filter | None, *, most: int) -> list[Product] | None:
        """All products that pass a filter. See `Store.matching`."""
        return self._ask_by(filter, lambda rows: rows.matching(filter, most))

    def may_pass(self, product_ids: Sequence[str], filter: Filter) -> Sequence[str]:
        """Products that may pass a filter. See `Store.may_pass`."""
        return self._ask_by(filter, lambda rows: rows.may_pass(product_ids, filter), of_products=True)

    def scan(self) -> Iterator[list[RowState]]:
        """All rows. See `Store.scan`."""
        yield from all_pages(lambda after: self._ask(lambda rows: rows.states(after)))

    def delete_rows(self, ids: Sequence[str]) -> int:
        """Delete rows. See `Store.delete_rows`."""
        return self._delete(lambda rows: rows.delete(ids))

    def discard(self, keys: Sequence[str]) -> None:
        """Delete rows that nothing reads. See `Store.discard`."""
        if keys:
            self._change(lambda rows: rows.discard(keys))
            self._unsettled += len(keys)

    def count(self) -> int:
        """The number of rows. See `Store.count`."""
        return self._ask(lambda rows: rows.count())

    def settle(self, at_least: int = 0) -> None:
        """Move the rows that Milvus Lite holds in memory into its index; a server does so by itself.

        900 rows in memory take three times as long to search. See `Store.settle`.
        """
        if not self._connection.is_local or self._unsettled < at_least:
            return
        collection = self._ask(lambda rows: rows.collection)
        with self._connection.flushing() as client:
            self._rows(client, collection).flush()
        self._unsettled = 0

    def ping(self) -> None:
        """Return if Milvus answers. See `Store.ping`."""
        with self._connection.open() as client:
            client.list_collections(timeout=self._connection.timeout)

    def _ask_by(self, filter: Filter | None, work: Callable[[Rows], _Answer], *, of_products: bool = False) -> _Answer:
        """Work under a filter, whose attributes are read first on Milvus Lite, or `of_products` all of its fields; see
        `attribute_columns`.
        """
        if filter is not None and self._connection.is_local:
            named = filter_columns if of_products else attribute_names
            missing = self._ask(lambda rows: rows.missing_columns(set(named(filter))))
            if missing:
                with self._connection.still():
                    self._ask(lambda rows: rows.read_columns(missing))
        return self._ask(work)

    def _delete(self, work: Callable[[Rows], int]) -> int:
        deleted = self._change(work)
        self._unsettled += deleted
        return deleted

    def _change(self, work: Callable[[Rows], _Answer]) -> _Answer:
        """Work that changes rows."""
        with self._connection.writing():
            return self._ask(work)

    def _ask(self, work: Callable[[Rows], _Answer]) -> _Answer:
        """Work on the version in use; repeated if it was replaced and dropped meanwhile.

        A server that starts again, or was told to release it, has to load it: StoreUnavailable until that is done.
        """
        with self._connection.open() as client:
            collection = self._current(client)
            try:
                return work(self._rows(client, collection))
            except MilvusException as error:
                if is_not_loaded(error):
                    self._versions.load(client, collection, wait=False)
                elif is_gone(error):
                    collection = self._after_it_went(client, error)
                else:
                    raise
            return work(self._rows(client, collection))

    def _rows(self, client: MilvusClient, collection: str) -> Rows:
        if collection not in self._typed:
            self._typed[collection] = self._versions.is_typed(client, collection)
        consistency = Consistency(self._connection.uri, collection)
        timeout = self._connection.timeout
        columns = self._connection.columns(collection)
        rate = self._rates.setdefault(collection, RowRate())
        typed = self._typed[collection]
        return Rows(client, collection, self._search_params, timeout, typed, consistency, rate, columns)

    def _make_ready(self, client: MilvusClient, collection: str) -> None:
        self._versions.make_ready(client, collection)
        self._epoch = self._connection.epoch


def all_pages(page: Callable[[str], list[RowState]]) -> Iterator[list[RowState]]:
    """All rows by their keys, a page at a time: between pages others may change rows, this thread among them."""
    after = ""
    while states := page(after):
        yield states
        after = row_key(states[-1])
