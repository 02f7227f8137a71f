"""Products in Milvus: a local file (Milvus Lite), a server, a cluster or Zilliz Cloud, by the same code."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import TypeVar

from pymilvus import MilvusClient
from pymilvus.exceptions import MilvusException

from service.encoders.encoder import EncoderInfo
from service.errors import ConfigurationError, EncoderMismatch, StoreUnavailable
from service.product import Product
from service.stores.filters import Filter
from service.stores.milvus.connection import Connection
from service.stores.milvus.consistency import Consistency
from service.stores.milvus.rows import Rows
from service.stores.milvus.schema import FIELDS, STATE_FIELDS, to_record, to_state
from service.stores.milvus.versions import Built, Versions, all_of_ours, is_gone, is_not_loaded
from service.stores.revisions import RevisionStore, read_whole, row_key
from service.stores.store import Hit, Record, RowState, Store, Vector
from service.support.single_flight import SingleFlight

_LITE_EF = 256
_LOOK_S = 1.0
_GONE_S = 5.0
_SEARCH_DEFAULTS: dict[str, dict[str, int]] = {"HNSW": {"ef": 128}, "IVF_FLAT": {"nprobe": 16}}
_Answer = TypeVar("_Answer")


class MilvusStore(RevisionStore):
    """The `VersionedStore` in Milvus.

    Connects on first use, so that a service starts while Milvus is down. Safe to use from
    several threads. A local file belongs to the process that opened it until `close`.

    Which version of the collection is in use is looked up once a second. A version that another process has published
    is adopted if this store's encoder made it; otherwise the store keeps the one it has while that exists.
    """

    def __init__(
        self,
        uri: str,
        *,
        token: str | None = None,
        collection: str = "products",
        index_type: str = "AUTOINDEX",
        index_params: Mapping[str, int] | None = None,
        search_params: Mapping[str, int] | None = None,
        timeout_s: float = 10.0,
    ) -> None:
        """Nothing is opened or created yet; index parameters count when a collection is created."""
        self._name = collection
        self._connection = Connection(uri, token=token, timeout_s=timeout_s)
        local = self._connection.is_local
        self._versions = Versions(collection, index_type, index_params or {}, local=local, timeout=timeout_s)
        defaults = {"ef": _LITE_EF} if local and index_type == "AUTOINDEX" else _SEARCH_DEFAULTS.get(index_type, {})
        self._search_params = {**defaults, **(search_params or {})}
        self._info: EncoderInfo | None = None
        self._in_use: str | None = None
        self._typed: dict[str, bool] = {}
        self._looked = 0.0
        self._epoch = 0
        self._unsettled = 0
        self._looking = SingleFlight[str]()

    def ensure(self, info: EncoderInfo) -> None:
        """Create the collection and index if missing; check that this encoder built it. See `Store.ensure`."""
        with self._connection.open() as client:
            missing = self._versions.live(client) is None
        with self._connection.writing() if missing else nullcontext(), self._connection.open() as client:
            collection = self._versions.live(client) or self._versions.first(client, info)
            self._check_encoder(self._versions.built_by(client, collection), info)
            self._use(client, collection)
            self._info = info

    def upsert(self, records: Sequence[Record]) -> None:
        """Write rows. See `Store.upsert`."""
        self._change(lambda rows: rows.upsert(records))
        self._unsettled += len(records)

    def search(self, vector: Vector, *, limit: int, filter: Filter | None = None) -> list[Hit]:
        """Nearest products. See `Store.search`."""
        return self._ask(lambda rows: rows.search(vector, limit, filter))

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
        return self._ask(lambda rows: rows.page(after, limit, filter))

    def scan(self) -> Iterator[list[RowState]]:
        """All rows. See `Store.scan`."""
        yield from _pages(lambda after: self._ask(lambda rows: rows.states(after)))

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
        with self._connection.open() as client:
            if self._in_use is None and self._versions.live(client) is None:
                return 0
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

    def claim(self) -> None:
        """Open a local file. See `VersionedStore.claim`."""
        self._connection.claim()

    def ping(self) -> None:
        """Return if Milvus answers. See `Store.ping`."""
        with self._connection.open() as client:
            client.list_collections(timeout=self._connection.timeout)

    def close(self) -> None:
        """Disconnect; a local file becomes free for other processes, and closes for other stores of this one.

        The store may be used again afterwards: it reconnects.
        """
        self._connection.close()
        self._in_use = None

    def built_by(self) -> Built | None:
        """Encoder id and fingerprint. See `VersionedStore.built_by`."""
        with self._connection.open() as client:
            collection = self._versions.live(client)
            return None if collection is None else self._versions.built_by(client, collection)

    def beside(self, info: EncoderInfo) -> "MilvusVersion":
        """The next version. See `VersionedStore.beside`."""
        with self._connection.writing(), self._connection.open() as client:
            collection = self._versions.next(client, info)
            self._typed.pop(collection, None)  # the name may have been that of a version dropped before
            return MilvusVersion(self, client, collection)

    def publish(self, beside: Store) -> "MilvusVersion":
        """Point the name at another version. See `VersionedStore.publish`."""
        if not isinstance(beside, MilvusVersion):
            raise TypeError("publish takes what beside() gave")
        with self._connection.writing(), self._connection.open() as client:
            replaced = self._versions.publish(client, beside.collection)
            self._use(client, beside.collection)
            return MilvusVersion(self, client, replaced)

    def drop_others(self) -> int:
        """Drop versions not in use. See `VersionedStore.drop_others`."""
        with self._connection.open() as client:
            return self._versions.drop_others(client)

    def image_keys(self) -> set[str]:
        """Images of all rows. See `VersionedStore.image_keys`."""
        with self._connection.open() as client:
            names = all_of_ours(client, self._connection.timeout)
        return {row.image_key for name in names for page in _pages(partial(self._states, name)) for row in page}

    def _states(self, collection: str, after: str) -> list[RowState]:
        with self._connection.open() as client:
            self._versions.make_ready(client, collection)
            return self._rows(client, collection).states(after)

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
                    collection = self._after_it_went(client)
                else:
                    raise
            return work(self._rows(client, collection))

    def _rows(self, client: MilvusClient, collection: str) -> Rows:
        if collection not in self._typed:
            self._typed[collection] = self._versions.is_typed(client, collection)
        consistency = Consistency(self._connection.uri, collection)
        timeout = self._connection.timeout
        return Rows(client, collection, self._search_params, timeout, self._typed[collection], consistency)

    def _current(self, client: MilvusClient) -> str:
        """The version in use, looked up now and then, and after the connection was made again.

        Requests that want it looked up at the same moment share one answer: a server that hangs costs all of them one
        timeout, not one after another.
        """
        self._load_again(client)
        collection = self._in_use
        if collection is None or time.monotonic() - self._looked > _LOOK_S:
            collection = self._looking.run(self._name, partial(self._look, client))
        return collection

    def _look(self, client: MilvusClient) -> str:
        live = self._versions.live(client)
        self._looked = time.monotonic()
        if live is None:
            raise StoreUnavailable("There is no collection yet. Fill it with `withthis index FEED`.")
        if live == self._in_use:
            return live
        if self._info is not None:
            built = self._versions.built_by(client, live)
            if self._in_use is not None and built != (self._info.id, self._info.fingerprint):
                return self._in_use
            self._check_encoder(built, self._info)
        self._use(client, live)
        return live

    def _after_it_went(self, client: MilvusClient) -> str:
        """The version that took the place of one that was dropped; it may take a moment until it has the name."""
        patience = time.monotonic() + _GONE_S
        self._in_use = None
        while time.monotonic() < patience:
            if self._versions.live(client) is not None:
                break
            time.sleep(0.05)
        return self._look(client)

    def _use(self, client: MilvusClient, collection: str) -> None:
        self._versions.make_ready(client, collection)
        self._in_use, self._looked = collection, time.monotonic()
        self._epoch = self._connection.epoch

    def _load_again(self, client: MilvusClient) -> None:
        """Load the version in use if the server is another one than before."""
        if self._in_use is not None and self._epoch != self._connection.epoch:
            self._use(client, self._in_use)

    def _check_encoder(self, built: Built | None, info: EncoderInfo) -> None:
        if built is None:
            raise ConfigurationError(
                f"The collection {self._name!r} exists and was not created by this service. "
                "Set WITHTHIS_COLLECTION to another name."
            )
        if built != (info.id, info.fingerprint):
            raise EncoderMismatch(
                f"The collection {self._name!r} was built with the encoder {built[0]!r}, or with other weights of it "
                f"than {info.id!r} has now, or of other fields than WITHTHIS_DOCUMENT names, so its vectors cannot be "
                "compared. Restore WITHTHIS_ENCODER or WITHTHIS_DOCUMENT, or make the vectors again with `withthis "
                "reindex`."
            )


class MilvusVersion(MilvusStore):
    """A version that is being filled while the other one is in use. Shares the store's connection, and is not closed
    alone.
    """

    def __init__(self, store: MilvusStore, client: MilvusClient, collection: str) -> None:
        """Takes a collection that exists, and makes it ready."""
        self.__dict__.update(store.__dict__)
        self.collection = collection
        self._use(client, collection)

    def ensure(self, info: EncoderInfo) -> None:
        """Nothing to do: the version was made for its encoder."""

    def close(self) -> None:
        """Nothing to do: the connection is the store's."""

    def _current(self, client: MilvusClient) -> str:
        self._load_again(client)
        return self.collection


def _pages(page: Callable[[str], list[RowState]]) -> Iterator[list[RowState]]:
    """All rows by their keys, a page at a time: between pages others may change rows, this thread among them."""
    after = ""
    while states := page(after):
        yield states
        after = row_key(states[-1])
