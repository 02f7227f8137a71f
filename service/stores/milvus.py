"""Products in Milvus: a local file (Milvus Lite), a server, a cluster or Zilliz Cloud, by the same code."""

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]
import numpy as np
from pymilvus import MilvusClient
from pymilvus.exceptions import MilvusException

from service.encoders.base import EncoderInfo
from service.errors import ConfigurationError, EncoderMismatch, StoreLocked, StoreUnavailable
from service.settings import Settings
from service.stores import local_file
from service.stores.base import Hit, Record, Vector
from service.stores.filters import Filter, any_of, compile_filter, quote
from service.stores.schema import (
    ENCODER_PROPERTY,
    FIELDS,
    FINGERPRINT_PROPERTY,
    collection_schema,
    to_hit,
    to_record,
    to_row,
    vector_index,
)

_WINDOW = 16_384  # most rows a Milvus server returns at once
_ID_BATCH = 256
_UPSERT_BATCH = 512
_LITE_EF = 256
_SEARCH_DEFAULTS: dict[str, dict[str, int]] = {"HNSW": {"ef": 128}, "IVF_FLAT": {"nprobe": 16}}


class MilvusStore:
    """The :class:`~service.stores.base.Store` in Milvus.

    Connects on first use, so that a service starts while Milvus is down. Safe to use from
    several threads. A local file belongs to the process that opened it until :meth:`close`.
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
        """Nothing is opened or created yet; index parameters count when :meth:`ensure` creates the collection."""
        self._uri = uri
        self._token = token
        self._collection = collection
        self._index_type = index_type
        self._index_params = dict(index_params or {})
        self._search_params = {**_SEARCH_DEFAULTS.get(index_type, {}), **(search_params or {})}
        self._timeout = timeout_s
        self._client: MilvusClient | None = None
        self._lock = threading.Lock()

    @classmethod
    def from_settings(cls, settings: Settings) -> "MilvusStore":
        """A store as the settings describe it."""
        return cls(
            settings.store_uri,
            token=settings.store_token.get_secret_value() if settings.store_token else None,
            collection=settings.collection,
            index_type=settings.index_type,
            index_params=settings.index_params,
            search_params=settings.search_params,
            timeout_s=settings.store_timeout_s,
        )

    def ensure(self, info: EncoderInfo) -> None:
        """Create the collection and index if missing; check that this encoder built it. See ``Store.ensure``."""
        with self._milvus() as client:
            if not client.has_collection(self._collection, timeout=self._timeout):
                client.create_collection(
                    self._collection,
                    schema=collection_schema(info.dimension),
                    properties={ENCODER_PROPERTY: info.id, FINGERPRINT_PROPERTY: info.fingerprint},
                    consistency_level="Session",
                    timeout=self._timeout,
                )
            description = client.describe_collection(self._collection, timeout=self._timeout)
            self._check_encoder(description, info)
            self._ensure_index(client)
            client.load_collection(self._collection, timeout=self._timeout)

    def _ensure_index(self, client: MilvusClient) -> None:
        """Create the vector index unless it is there: a crash may have come between collection and index."""
        if not client.list_indexes(self._collection, timeout=self._timeout):
            client.create_index(
                self._collection,
                vector_index(self._index_type, self._index_params),
                timeout=self._timeout,
                # Lite builds at once, and lacks the call with which the client waits for a server.
                sync=not local_file.is_local(self._uri),
            )

    def _check_encoder(self, description: Mapping[str, Any], info: EncoderInfo) -> None:
        properties = description.get("properties") or {}
        built_by = properties.get(ENCODER_PROPERTY)
        if built_by is None:
            raise ConfigurationError(
                f"The collection {self._collection!r} exists and was not made by this service. "
                "Set WITHTHIS_COLLECTION to another name."
            )
        if (built_by, properties.get(FINGERPRINT_PROPERTY)) != (info.id, info.fingerprint):
            raise EncoderMismatch(
                f"The collection {self._collection!r} was built with the encoder {built_by!r}, or with other weights "
                f"of it than {info.id!r} has now, so its vectors cannot be compared. Set WITHTHIS_ENCODER back, or "
                "index the feed into a new collection (WITHTHIS_COLLECTION)."
            )

    def upsert(self, records: Sequence[Record]) -> None:
        """Write rows. See ``Store.upsert``."""
        with self._milvus() as client:
            for start in range(0, len(records), _UPSERT_BATCH):
                rows = [to_row(record) for record in records[start : start + _UPSERT_BATCH]]
                client.upsert(self._collection, rows, timeout=self._timeout)

    def search(self, vector: Vector, *, limit: int, filter: Filter | None = None) -> list[Hit]:
        """Nearest products. See ``Store.search``.

        Grouping is done here: Milvus before 2.4 has none, and Lite's looks at ten rows a group and then gives up, so
        one product with many pictures would push others out. Rows are asked for in growing numbers, without the
        products already found. An index may also stop early under a narrow filter; then the rest is compared one by
        one.
        """
        expression = compile_filter(filter) if filter else ""
        best: dict[str, Hit] = {}
        rows = min(2 * limit + 16, _WINDOW)
        with self._milvus() as client:
            while len(best) < limit:
                found = self._nearest(client, vector, rows, _without(expression, best))
                _keep_best(best, found)
                if len(found) < rows:
                    _keep_best(best, self._compare_all(client, vector, _without(expression, best)))
                    break
                rows = min(rows * 4, _WINDOW)
        return sorted(best.values(), key=lambda hit: (-hit.score, hit.product_id))[:limit]

    def _nearest(self, client: MilvusClient, vector: Vector, rows: int, expression: str) -> list[Hit]:
        params = dict(self._search_params)
        if self._index_type == "AUTOINDEX" and local_file.is_local(self._uri):
            params.setdefault("ef", _LITE_EF)
        if "ef" in params:
            params["ef"] = max(params["ef"], rows)  # Milvus refuses ef < rows
        [found] = client.search(
            self._collection,
            data=[np.asarray(vector, dtype=np.float32).tolist()],
            anns_field="vector",
            limit=rows,
            filter=expression,
            output_fields=FIELDS,
            search_params={"metric_type": "COSINE", "params": params},
            timeout=self._timeout,
        )
        return [to_hit(hit["entity"] | {"id": hit["id"]}, float(hit["distance"])) for hit in found]

    def _compare_all(self, client: MilvusClient, vector: Vector, expression: str) -> list[Hit]:
        """Every matching row, scored exactly. Cheap where it is used: nearly all rows have been found already."""
        rows = self._query(client, expression, [*FIELDS, "vector"], _WINDOW)
        scores = [float(np.dot(np.asarray(row["vector"], dtype=np.float32), vector)) for row in rows]
        return [to_hit(row, score) for row, score in zip(rows, scores, strict=True)]

    def get(self, product_id: str) -> list[Record]:
        """All rows of one product. See ``Store.get``."""
        with self._milvus() as client:
            rows = self._query(client, f"product_id == {quote(product_id)}", [*FIELDS, "vector"], _WINDOW)
        return sorted((to_record(row) for row in rows), key=lambda record: (len(record.id), record.id))

    def fetch(self, ids: Sequence[str]) -> list[Record]:
        """Rows by row id. See ``Store.fetch``."""
        return [to_record(row) for row in self._by_id(ids, [*FIELDS, "vector"])]

    def hashes(self, ids: Sequence[str]) -> dict[str, str]:
        """Content hashes by row id. See ``Store.hashes``."""
        return {row["id"]: row["content_hash"] for row in self._by_id(ids, ["id", "content_hash"])}

    def row_ids(self, product_ids: Sequence[str]) -> list[str]:
        """Row ids of products. See ``Store.row_ids``."""
        found: list[str] = []
        with self._milvus() as client:
            for start in range(0, len(product_ids), _ID_BATCH):
                wanted = any_of("product_id", product_ids[start : start + _ID_BATCH])
                found += [row["id"] for row in self._query(client, wanted, ["id"], _WINDOW)]
        return found

    def delete(self, product_ids: Sequence[str]) -> int:
        """Delete products. See ``Store.delete``."""
        return self.delete_rows(self.row_ids(product_ids))

    def delete_rows(self, ids: Sequence[str]) -> int:
        """Delete rows. See ``Store.delete_rows``."""
        known = list(self.hashes(ids))
        with self._milvus() as client:
            for start in range(0, len(known), _ID_BATCH):
                doomed = any_of("id", known[start : start + _ID_BATCH])
                client.delete(self._collection, filter=doomed, timeout=self._timeout)
        return len(known)

    def count(self) -> int:
        """The number of rows. See ``Store.count``."""
        with self._milvus() as client:
            if not client.has_collection(self._collection, timeout=self._timeout):
                return 0
            [row] = self._query(client, "", ["count(*)"], None)
        return int(row["count(*)"])

    def ping(self) -> None:
        """Return if Milvus answers. See ``Store.ping``."""
        with self._milvus() as client:
            client.list_collections(timeout=self._timeout)

    def close(self) -> None:
        """Disconnect; a local file becomes free for other processes, and closes for other stores of this one.

        The store may be used again afterwards: it connects anew.
        """
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()
            if local_file.is_local(self._uri):
                local_file.release(self._uri)

    def _by_id(self, ids: Sequence[str], fields: Sequence[str]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        with self._milvus() as client:
            for start in range(0, len(ids), _ID_BATCH):
                rows += self._query(client, any_of("id", ids[start : start + _ID_BATCH]), fields, _ID_BATCH)
        return rows

    def _query(
        self, client: MilvusClient, expression: str, fields: Sequence[str], limit: int | None
    ) -> list[dict[str, Any]]:
        bound = {} if limit is None else {"limit": limit}
        rows = client.query(
            self._collection, filter=expression, output_fields=list(fields), timeout=self._timeout, **bound
        )
        return [dict(row) for row in rows]

    @contextmanager
    def _milvus(self) -> Iterator[MilvusClient]:
        """The client, with Milvus's errors turned into ours (their texts hold addresses and go to the log only)."""
        try:
            yield self._connected()
        except (MilvusException, grpc.RpcError) as error:
            raise StoreUnavailable from error

    def _connected(self) -> MilvusClient:
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _connect(self) -> MilvusClient:
        if not local_file.is_local(self._uri):
            return MilvusClient(self._uri, token=self._token or "", timeout=self._timeout)
        try:
            Path(self._uri).parent.mkdir(parents=True, exist_ok=True)
            with _quiet("milvus_lite.server_manager"):  # it logs a traceback for what is explained here
                return MilvusClient(self._uri, timeout=self._timeout)
        except OSError as error:
            raise StoreUnavailable("The store's folder cannot be made. Check WITHTHIS_DATA_DIR.") from error
        except MilvusException as error:
            if local_file.is_held(self._uri):
                raise StoreLocked from error
            raise


def _without(expression: str, products: Mapping[str, Hit]) -> str:
    if not products:
        return expression
    rest = f"not ({any_of('product_id', list(products))})"
    return f"({expression}) and {rest}" if expression else rest


def _keep_best(best: dict[str, Hit], found: list[Hit]) -> None:
    for hit in found:
        known = best.get(hit.product_id)
        if known is None or hit.score > known.score:
            best[hit.product_id] = hit


@contextmanager
def _quiet(logger_name: str) -> Iterator[None]:
    logger = logging.getLogger(logger_name)
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before
