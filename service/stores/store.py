"""What a store is: rows with a vector and product fields, searched by similarity under a filter."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from service.encoders.encoder import EncoderInfo
from service.product import Product
from service.stores.filters import Filter

Vector = npt.NDArray[np.float32]


def row_id(product_id: str, number: int) -> str:
    """The id of a product's image with this number, from 0."""
    return f"{product_id}#{number}"


def product_of(row_id: str) -> str:
    """The product's id in a row's."""
    return row_id.rpartition("#")[0]


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One row: one image of one product.

    `product.image_key` names this image. `vector` is float32 [dimension], L2-normalized. `content_hash` covers the
    image's bytes and all fields. `updated_at` is Unix time in milliseconds. `revision` and `revision_rows` are what a
    write stamps its rows with; see `service.stores.revisions`.
    """

    id: str
    product: Product
    vector: Vector
    content_hash: str
    updated_at: int
    revision: str = ""
    revision_rows: int = 0

    @property
    def product_id(self) -> str:
        """The product's id."""
        return self.product.id

    @property
    def state(self) -> "RowState":
        """The row without fields and vector."""
        image_key, stamp = self.product.image_key, (self.revision, self.revision_rows)
        return RowState(self.id, image_key, self.content_hash, self.updated_at, *stamp)

    def found(self, score: float) -> "Hit":
        """The row as a search finds it."""
        return Hit(self.id, self.product, self.content_hash, self.updated_at, score, self.revision)


@dataclass(frozen=True, slots=True)
class RowState:
    """What distinguishes two states of a row, without fields and vector."""

    id: str
    image_key: str
    content_hash: str
    updated_at: int
    revision: str = ""
    revision_rows: int = 0

    @property
    def product_id(self) -> str:
        """The product's id."""
        return product_of(self.id)


@dataclass(frozen=True, slots=True)
class Hit:
    """A row found by a search, without its vector. `score` is the cosine similarity, higher is better."""

    id: str
    product: Product
    content_hash: str
    updated_at: int
    score: float
    revision: str = ""

    @property
    def product_id(self) -> str:
        """The product's id."""
        return self.product.id

    @property
    def order_score(self) -> float:
        """The sort key of hits of one search."""
        return self.score


class Store(Protocol):
    """All methods raise `StoreUnavailable` when the store fails or does not answer."""

    def ensure(self, info: EncoderInfo) -> None:
        """Create the collection and its index if they are missing.

        Raises `EncoderMismatch` if the collection was built by another encoder. Must be called
        once before vectors are written or searched.
        """
        ...

    def built_by(self) -> tuple[str, str] | None:
        """Encoder id and fingerprint of the rows in use; None if there is no collection."""
        ...

    def write(self, products: Sequence[Sequence[Record]], *, read: Mapping[str, Record] | None = None) -> None:
        """Write whole products, each one by all its rows in order, as one revision: it replaces the one before.

        Readers see the old rows or the new ones, whatever others write meanwhile and wherever the process is killed;
        see `service.stores.revisions`. `read` holds first rows by product id: if another writer has changed one
        of them since it was read, `ProductMoved` is raised and nothing is written.
        """
        ...

    def upsert(self, records: Sequence[Record]) -> None:
        """Write rows with the revisions that they have; a row of the same id and revision is replaced."""
        ...

    def search(self, vector: Vector, *, limit: int, filter: Filter | None = None) -> list[Hit]:
        """The best row of each of the `min(limit, matching products)` nearest products, best first."""
        ...

    def get(self, product_id: str) -> list[Record]:
        """The rows of one product, of one revision, in the order of their ids; empty if there is none."""
        ...

    def products(self, product_ids: Sequence[str]) -> dict[str, list[Record]]:
        """The same for several products, by id; those that do not exist are left out."""
        ...

    def may_pass(self, product_ids: Sequence[str], filter: Filter) -> Sequence[str]:
        """Those of these products that may pass a filter, in their order: the others are known not to, unread."""
        ...

    def fetch(self, ids: Sequence[str]) -> list[Record]:
        """The rows with these ids in the current revisions; unknown ids are left out, order is free."""
        ...

    def hashes(self, ids: Sequence[str]) -> dict[str, str]:
        """`content_hash` by row id, for those of `ids` that exist."""
        ...

    def row_ids(self, product_ids: Sequence[str]) -> list[str]:
        """The row ids of these products, in no order."""
        ...

    def page(self, *, after: str, limit: int, filter: Filter | None = None) -> list[tuple[str, Product]]:
        """Keys and products of the first `limit` matching rows whose key is greater than `after`, by key.

        The key of a product's first row is its id; those of others have their revision at the end.
        """
        ...

    def matching(self, filter: Filter | None, *, most: int) -> list[Product] | None:
        """All products that pass a filter, in no order; None for more than `most` rows, or if that cannot be told."""
        ...

    def scan(self) -> Iterator[list[RowState]]:
        """All rows in batches, in no order, each once; rows written meanwhile may be among them or not.

        Also rows that no head names: those of writes in progress, and what was left over by a crash.
        """
        ...

    def discard(self, ids: Sequence[str]) -> None:
        """Delete rows by key that nothing reads; they may be gone later."""
        ...

    def delete(self, product_ids: Sequence[str]) -> int:
        """Delete all rows of these products; the number of rows deleted."""
        ...

    def delete_rows(self, ids: Sequence[str]) -> int:
        """Delete rows by key; the number of rows deleted."""
        ...

    def delete_leftovers(self, *, dry_run: bool = False) -> int:
        """Delete rows that no head names and that are older than any write in progress; how many there were."""
        ...

    def count(self) -> int:
        """The number of rows (0 if there is no collection yet)."""
        ...

    def settle(self, at_least: int = 0) -> None:
        """Index what was written, if there are so many rows; searches find it before that, too."""
        ...

    def ping(self) -> None:
        """Return if the store answers."""
        ...

    def close(self) -> None:
        """Close the store; a local file becomes available to other processes."""
        ...


class VersionedStore(Store, Protocol):
    """A store that can be rebuilt next to the one in use, and put in its place while searches continue."""

    def claim(self) -> None:
        """Open what belongs to one process, a local file; nothing to do for a server.

        Raises `StoreLocked` or `StoreUnusable`, before anything slow is
        begun.
        """
        ...

    def beside(self, info: EncoderInfo) -> Store:
        """The store that will replace this one, for vectors of another encoder or another index.

        One that was left half-filled is taken up again if it suits. Closing it is not needed.
        """
        ...

    def publish(self, beside: Store) -> Store:
        """From now on, searches by any store of this name find the rows of `beside`. None of them fails.

        `beside` is not to be used any more. Returns the version that was replaced: others may write to it for some
        seconds more, and it is there until `drop_others`.
        """
        ...

    def drop_others(self) -> int:
        """Delete what is not in use: replaced and half-filled versions. How many there were."""
        ...

    def image_keys(self) -> set[str]:
        """The images of all rows that this store's database holds, of every version and collection of ours."""
        ...
