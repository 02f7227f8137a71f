"""Products in Milvus: a local file (Milvus Lite), a server, a cluster or Zilliz Cloud, by the same code."""

import time
from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from typing import TypeVar

from pymilvus import MilvusClient
from pymilvus.exceptions import MilvusException

from service.encoders.encoder import EncoderInfo
from service.errors import ConfigurationError, EncoderMismatch, StoreUnavailable
from service.stores.milvus.collection_store import CollectionStore, all_pages
from service.stores.milvus.connection import Connection
from service.stores.milvus.milvus_version import MilvusVersion
from service.stores.milvus.versions import Built, Versions, all_of_ours
from service.stores.store import RowState, Store
from service.support.single_flight import SingleFlight

_LITE_EF = 256
_LOOK_S = 1.0
_GONE_S = 5.0
_SEARCH_DEFAULTS: dict[str, dict[str, int]] = {"HNSW": {"ef": 128}, "IVF_FLAT": {"nprobe": 16}}
_Answer = TypeVar("_Answer")


class MilvusStore(CollectionStore):
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
        connection = Connection(uri, token=token, timeout_s=timeout_s)
        local = connection.is_local
        versions = Versions(collection, index_type, index_params or {}, local=local, timeout=timeout_s)
        defaults = {"ef": _LITE_EF} if local and index_type == "AUTOINDEX" else _SEARCH_DEFAULTS.get(index_type, {})
        super().__init__(connection, versions, {**defaults, **(search_params or {})})
        self._info: EncoderInfo | None = None
        self._in_use: str | None = None
        self._looked = 0.0
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

    def count(self) -> int:
        """The number of rows. See `Store.count`."""
        with self._connection.open() as client:
            if self._in_use is None and self._versions.live(client) is None:
                return 0
        return super().count()

    def claim(self) -> None:
        """Open a local file. See `VersionedStore.claim`."""
        self._connection.claim()

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

    def beside(self, info: EncoderInfo) -> MilvusVersion:
        """The next version. See `VersionedStore.beside`."""
        with self._connection.writing(), self._connection.open() as client:
            collection = self._versions.next(client, info)
            self._typed.pop(collection, None)  # the name may have been that of a version dropped before
            self._connection.forget_columns()
            return self._version(client, collection)

    def publish(self, beside: Store) -> MilvusVersion:
        """Point the name at another version. See `VersionedStore.publish`."""
        if not isinstance(beside, MilvusVersion):
            raise TypeError("publish takes what beside() gave")
        with self._connection.writing(), self._connection.open() as client:
            replaced = self._versions.publish(client, beside.collection)
            self._use(client, beside.collection)
            return self._version(client, replaced)

    def drop_others(self) -> int:
        """Drop versions not in use. See `VersionedStore.drop_others`."""
        with self._connection.open() as client:
            self._connection.forget_columns()
            return self._versions.drop_others(client)

    def image_keys(self) -> set[str]:
        """Images of all rows. See `VersionedStore.image_keys`."""
        with self._connection.open() as client:
            names = all_of_ours(client, self._connection.timeout)
        return {row.image_key for name in names for page in all_pages(partial(self._states, name)) for row in page}

    def _version(self, client: MilvusClient, collection: str) -> MilvusVersion:
        shared = self._connection, self._versions, self._search_params
        return MilvusVersion(*shared, client=client, collection=collection)

    def _states(self, collection: str, after: str) -> list[RowState]:
        with self._connection.open() as client:
            self._versions.make_ready(client, collection)
            return self._rows(client, collection).states(after)

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

    def _after_it_went(self, client: MilvusClient, error: MilvusException) -> str:
        """The version that took the place of one that was dropped; it may take a moment until it has the name."""
        patience = time.monotonic() + _GONE_S
        self._in_use = None
        while time.monotonic() < patience:
            if self._versions.live(client) is not None:
                break
            time.sleep(0.05)
        return self._look(client)

    def _use(self, client: MilvusClient, collection: str) -> None:
        self._make_ready(client, collection)
        self._in_use, self._looked = collection, time.monotonic()

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
