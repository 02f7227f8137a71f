"""A run that writes nothing: the parts of an ingest that change something, with nothing behind them.

The run itself is the same code, so that what it counts is what a real run would count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rerank.query import Query
from service.catalog.row_images import KeepsImages
from service.encoders.encoder import Embeddings, Encoder, EncoderInfo
from service.images.decode import DecodedImage
from service.images.store.image_store import StoredImage
from service.product import Product
from service.stores.filters import Filter
from service.stores.store import Hit, Record, RowState, Store, Vector


@dataclass(frozen=True, slots=True)
class DryEncoder:
    """Knows an encoder's facts, and makes no vectors: they are all zeros."""

    encoder: Encoder

    @property
    def info(self) -> EncoderInfo:
        """Facts about the encoder."""
        return self.encoder.info

    def encode(self, queries: Sequence[Query]) -> Embeddings:
        """Zeros, float32 [n, dimension]."""
        rows = len(queries)
        return Embeddings(np.zeros((rows, self.info.dimension), np.float32), np.zeros(rows, np.bool_))


@dataclass(frozen=True)
class DryImages:
    """Reads images that are stored, and stores none."""

    images: KeepsImages

    def key(self, data: bytes) -> str:
        """The key that the image would have."""
        return self.images.key(data)

    def put(self, data: bytes, *, known: bool = False, decoded: DecodedImage | None = None) -> str:
        """The key alone."""
        return self.images.key(data)

    def read(self, key: str) -> StoredImage:
        """The bytes."""
        return self.images.read(key)

    def open(self, key: str) -> DecodedImage:
        """The decoded original."""
        return self.images.open(key)


class DryStore(Store):
    """Reads what a store has, which is nothing if it has no collection, and changes nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._is_there = store.built_by() is not None

    def ensure(self, info: EncoderInfo) -> None:
        if self._is_there:
            self._store.ensure(info)

    def built_by(self) -> tuple[str, str] | None:
        return self._store.built_by()

    def get(self, product_id: str) -> list[Record]:
        return self._store.get(product_id) if self._is_there else []

    def products(self, product_ids: Sequence[str]) -> dict[str, list[Record]]:
        return self._store.products(product_ids) if self._is_there else {}

    def may_pass(self, product_ids: Sequence[str], filter: Filter) -> Sequence[str]:
        return self._store.may_pass(product_ids, filter) if self._is_there else []

    def fetch(self, ids: Sequence[str]) -> list[Record]:
        return self._store.fetch(ids) if self._is_there else []

    def hashes(self, ids: Sequence[str]) -> dict[str, str]:
        return self._store.hashes(ids) if self._is_there else {}

    def row_ids(self, product_ids: Sequence[str]) -> list[str]:
        return self._store.row_ids(product_ids) if self._is_there else []

    def page(self, *, after: str, limit: int, filter: Filter | None = None) -> list[tuple[str, Product]]:
        return self._store.page(after=after, limit=limit, filter=filter) if self._is_there else []

    def matching(self, filter: Filter | None, *, most: int) -> list[Product] | None:
        return self._store.matching(filter, most=most) if self._is_there else []

    def scan(self) -> Iterator[list[RowState]]:
        return self._store.scan() if self._is_there else iter(())

    def count(self) -> int:
        return self._store.count()

    def search(self, vector: Vector, *, limit: int, filter: Filter | None = None) -> list[Hit]:
        return self._store.search(vector, limit=limit, filter=filter) if self._is_there else []

    def ping(self) -> None:
        self._store.ping()

    def write(self, products: Sequence[Sequence[Record]], *, read: Mapping[str, Record] | None = None) -> None:
        """Nothing."""

    def upsert(self, records: Sequence[Record]) -> None:
        """Nothing."""

    def discard(self, ids: Sequence[str]) -> None:
        """Nothing."""

    def delete(self, product_ids: Sequence[str]) -> int:
        """Nothing; the number of rows that there are."""
        return len(self.row_ids(product_ids))

    def delete_rows(self, ids: Sequence[str]) -> int:
        """Nothing; the number of rows that were asked for."""
        return len(ids)

    def delete_leftovers(self, *, dry_run: bool = False) -> int:
        return self._store.delete_leftovers(dry_run=True) if self._is_there else 0

    def settle(self, at_least: int = 0) -> None:
        """Nothing."""

    def close(self) -> None:
        self._store.close()
