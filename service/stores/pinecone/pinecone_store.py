"""Products in an index of Pinecone (extra `[pinecone]`), through its SDK.

An index belongs to one encoder, whose name it carries as a tag; collections are namespaces in it. What Pinecone has no
means for is refused with the reason: there is no alias to switch at the end of a reindex, and texts are not compared by
order. Writes are seen by searches after some seconds.
"""

import hashlib
import re
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Never

import numpy as np
from pinecone import ServerlessSpec

from service.encoders.encoder import EncoderInfo
from service.errors import ConfigurationError, EncoderMismatch, StoreUnavailable
from service.product import Product
from service.stores.filter_evaluation import matches
from service.stores.filters import Filter, check_filter
from service.stores.pinecone.connection import PineconeConnection, told
from service.stores.pinecone.filter_compiler import Condition, to_pinecone
from service.stores.pinecone.rows import from_vector_id, to_hit, to_record, to_vector, to_vector_id
from service.stores.revisions import Revised, RevisionStore, belongs, heads_among, read_whole, row_key
from service.stores.store import Hit, Record, RowState, Store, Vector, product_of

SCHEME = "pinecone:"
NO_ALIASES = (
    "Pinecone cannot switch from one version of an index to another. Index the feed into a new one, and set it in "
    "WITHTHIS_STORE_URI."
)
TOO_FAR = "Pinecone only lists rows from the beginning, and this page is too far from it. List without a filter."

_ENCODER, _FINGERPRINT = "withthis-encoder", "withthis-fingerprint"
_TAG_REFUSES = re.compile(r"[^A-Za-z0-9;@_.+ -]")
_UPSERT_BATCH, _ID_BATCH, _DELETE_BATCH, _LIST_PAGE = 32, 50, 1000, 100
_MAX_ROWS = 1000
_MAX_LISTED = 100_000
_READY_S = 300


class PineconeStore(RevisionStore):
    """The `VersionedStore` in Pinecone. Safe to use from several threads."""

    def __init__(
        self,
        connection: PineconeConnection,
        *,
        namespace: str = "products",
        cloud: str = "aws",
        region: str = "us-east-1",
    ) -> None:
        """Nothing is opened yet. `cloud` and `region` count when the index is created."""
        self._connection, self._name, self._namespace = connection, connection.name, namespace
        self._place = cloud, region
        self._tokens: dict[str, str] = {}
        self._lock = threading.Lock()

    def ensure(self, info: EncoderInfo) -> None:
        """Create the index if it is missing; check that this encoder made it. See `Store.ensure`."""
        with told():
            client = self._connection.client()
            if not client.has_index(self._name):
                cloud, region = self._place
                spec = ServerlessSpec(cloud=cloud, region=region)
                options = {"metric": "cosine", "tags": _tags(info), "timeout": _READY_S}
                client.create_index(name=self._name, dimension=info.dimension, spec=spec, **options)
            built = self._built(client.describe_index(self._name))
        if built is None:
            raise ConfigurationError(
                f"The index {self._name!r} exists at Pinecone and was not created by this service, or does not compare "
                "by cosine. Choose another one in WITHTHIS_STORE_URI."
            )
        if built != tuple(_tags(info).values()):
            raise EncoderMismatch(
                f"The index {self._name!r} was built with the encoder {built[0]!r}, or with other weights, so its "
                "embeddings cannot be compared. Restore WITHTHIS_ENCODER, or choose another index."
            )

    def upsert(self, records: Sequence[Record]) -> None:
        """Write rows. See `Store.upsert`. Raises InvalidValue for a row that Pinecone cannot hold."""
        vectors = [to_vector(record) for record in records]
        with told():
            for batch in _batches(vectors, _UPSERT_BATCH):
                self._connection.index().upsert(vectors=batch, namespace=self._namespace, show_progress=False)

    def search(self, vector: Vector, *, limit: int, filter: Filter | None = None) -> list[Hit]:
        """Nearest products. See `Store.search`. Those found are left out of the next query, until it is enough.

        Rows that their heads do not name are skipped; since a query cannot leave them out, it asks for more.
        """
        wanted = to_pinecone(filter) if filter is not None else None
        values = np.asarray(vector, dtype=np.float32).tolist()
        best: dict[str, Hit] = {}
        rows = min(2 * limit + 16, _MAX_ROWS)
        with told():
            while len(best) < limit:
                found = self._connection.index().query(
                    vector=values,
                    top_k=rows,
                    namespace=self._namespace,
                    filter=_without(wanted, list(best)),
                    include_metadata=True,
                )
                hits = [to_hit(match.id, match.score, match.metadata or {}) for match in found.matches]
                named = self._named(hits)
                for hit in named:
                    best.setdefault(hit.product_id, hit)
                if len(hits) < rows or (rows == _MAX_ROWS and not named):
                    break
                rows = rows if len(named) == len(hits) else min(2 * rows, _MAX_ROWS)
        return sorted(best.values(), key=lambda hit: (-hit.score, hit.product_id))[:limit]

    def get(self, product_id: str) -> list[Record]:
        """All rows of one product. See `Store.get`."""
        return read_whole(lambda: self.records(self._keys_of([product_id])))

    def records(self, keys: Sequence[str]) -> list[Record]:
        """Rows by key. See `RevisionStore.records`."""
        found: list[Record] = []
        with told():
            for batch in _batches([to_vector_id(key) for key in dict.fromkeys(keys)], _ID_BATCH):
                rows = self._connection.index().fetch(ids=batch, namespace=self._namespace).vectors
                found += [to_record(id, row.values, row.metadata or {}) for id, row in rows.items()]
        return found

    def states(self, keys: Sequence[str]) -> list[RowState]:
        """States by key; Pinecone gives no row without its vector. See `RevisionStore.states`."""
        return [row.state for row in self.records(keys)]

    def states_of(self, product_ids: Sequence[str]) -> list[RowState]:
        """States of products. See `RevisionStore.states_of`."""
        return self.states(self._keys_of(product_ids))

    def _keys_of(self, product_ids: Sequence[str]) -> list[str]:
        """Keys of products' rows: those that begin with the product's id and a number sign."""
        with told():
            return [
                key
                for product in product_ids
                for page in self._listed(prefix=to_vector_id(f"{product}#"))
                for key in page
                if product_of(key) == product
            ]

    def _named(self, hits: Sequence[Hit]) -> list[Hit]:
        """The hits that their products' heads name. Heads that are not among them are fetched."""
        heads: dict[str, Revised] = dict(heads_among(hits))
        heads |= self.heads(sorted({hit.product_id for hit in hits} - heads.keys()))
        return [hit for hit in hits if belongs(hit, heads)]

    def page(self, *, after: str, limit: int, filter: Filter | None = None) -> list[tuple[str, Product]]:
        """Rows in the order of their ids. See `Store.page`.

        Pinecone lists from the first id on; where a list ended is remembered, so that the next page starts there. One
        that this process did not begin is walked to from the start. Raises StoreUnavailable if that is too far.
        """
        if filter is not None:
            check_filter(filter)
        found: list[tuple[str, Product]] = []
        seen = 0
        with told():
            for ids in self._listed(token=self._token_before(after)):
                seen += len(ids)
                if seen > _MAX_LISTED:
                    raise StoreUnavailable(TOO_FAR)
                rows = sorted(self.records([key for key in ids if key > after]), key=row_key)
                found += [(row_key(row), row.product) for row in rows if filter is None or matches(filter, row.product)]
                if len(found) >= limit:
                    break
        return found[:limit]

    def matching(self, filter: Filter | None, *, most: int) -> list[Product] | None:
        """None: Pinecone lists rows without conditions alone. See `Store.matching`."""
        return None

    def scan(self) -> Iterator[list[RowState]]:
        """All rows. See `Store.scan`."""
        with told():
            for ids in self._listed():
                yield self.states(ids)

    def delete_rows(self, ids: Sequence[str]) -> int:
        """Delete rows. See `Store.delete_rows`."""
        return self._delete([row_key(row) for row in self.states(ids)])

    def discard(self, keys: Sequence[str]) -> None:
        """Delete rows that nothing reads. See `Store.discard`."""
        self._delete(keys)

    def count(self) -> int:
        """The number of rows, as Pinecone has counted them some seconds ago. See `Store.count`."""
        with told():
            if not self._connection.is_open and not self._connection.client().has_index(self._name):
                return 0
            spaces = self._connection.index().describe_index_stats().namespaces or {}
            return int(spaces[self._namespace].vector_count) if self._namespace in spaces else 0

    def settle(self, at_least: int = 0) -> None:
        """Nothing to do: Pinecone does so by itself. See `Store.settle`."""

    def ping(self) -> None:
        """Return if Pinecone answers. See `Store.ping`."""
        with told():
            self._connection.client().has_index(self._name)

    def close(self) -> None:
        """Close the connections. See `Store.close`."""
        self._connection.close()

    def claim(self) -> None:
        """Nothing to do: an index is a server's. See `VersionedStore.claim`."""

    def built_by(self) -> tuple[str, str] | None:
        """Encoder id and fingerprint, as tags can hold them. See `VersionedStore.built_by`."""
        with told():
            client = self._connection.client()
            return self._built(client.describe_index(self._name)) if client.has_index(self._name) else None

    def beside(self, info: EncoderInfo) -> Store:
        """Not available. Raises ConfigurationError with the remedy."""
        raise ConfigurationError(NO_ALIASES)

    def publish(self, beside: Store) -> Never:
        """Not available. Raises ConfigurationError with the remedy."""
        raise ConfigurationError(NO_ALIASES)

    def drop_others(self) -> int:
        """There are never others. See `VersionedStore.drop_others`."""
        return 0

    def image_keys(self) -> set[str]:
        """Images of all rows of this namespace and its neighbors. See `VersionedStore.image_keys`."""
        with told():
            spaces = list(self._connection.index().describe_index_stats().namespaces or {})
        found: set[str] = set()
        for space in {*spaces, self._namespace}:
            neighbor = PineconeStore(self._connection, namespace=space)
            found.update(row.image_key for page in neighbor.scan() for row in page)
        return found

    def _listed(self, *, prefix: str | None = None, token: str | None = None) -> Iterator[list[str]]:
        """Pages of row ids in their order, from the first one or from where a token leads."""
        while True:
            answer = self._connection.index().list_paginated(
                prefix=prefix, limit=_LIST_PAGE, pagination_token=token, namespace=self._namespace
            )
            ids = [from_vector_id(item.id) for item in answer.vectors]
            token = answer.pagination.next if answer.pagination else None
            if ids and token and prefix is None:
                self._remember(ids[-1], token)
            yield ids
            if not token:
                return

    def _token_before(self, after: str) -> str | None:
        """What leads nearest to an id without passing it."""
        with self._lock:
            known = max((last for last in self._tokens if last <= after), default=None)
            return self._tokens[known] if known is not None else None

    def _remember(self, last: str, token: str) -> None:
        with self._lock:
            self._tokens[last] = token
            while len(self._tokens) > _MAX_ROWS:
                self._tokens.pop(next(iter(self._tokens)))

    def _delete(self, ids: Sequence[str]) -> int:
        with told():
            for batch in _batches([to_vector_id(id) for id in ids], _DELETE_BATCH):
                self._connection.index().delete(ids=batch, namespace=self._namespace)
        return len(ids)

    def _built(self, model: Any) -> tuple[str, str] | None:
        """Who made the index, from its tags; None for a foreign index."""
        tags = model.tags or {}
        ours = _ENCODER in tags and _FINGERPRINT in tags and model.metric == "cosine"
        return (tags[_ENCODER], tags[_FINGERPRINT]) if ours else None


def _tags(info: EncoderInfo) -> dict[str, str]:
    return {_ENCODER: _tag(info.id), _FINGERPRINT: _tag(info.fingerprint)}


def _tag(text: str) -> str:
    """A text as the value of a tag, which has at most 120 characters of few kinds; others by their SHA-256."""
    fits = len(text) <= 120 and not _TAG_REFUSES.search(text)
    return text if fits else hashlib.sha256(text.encode()).hexdigest()


def _without(wanted: Condition | None, products: list[str]) -> Condition | None:
    if not products:
        return wanted
    others: Condition = {"product_id": {"$nin": products}}
    return others if wanted is None else {"$and": [wanted, others]}


def _batches(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))
