"""Single products: what the HTTP routes do with the catalog.

A product with n images is n rows, `id#0` … `id#n-1`; one without images is one row. An image that is stored already
keeps its vector, unless words change that vectors are made of (see `document_form`). All images are checked and
encoded before the first row is written, and its rows are one revision: a product is taken as a whole or not at all, and
read so, also while others write it (see `service.stores.revisions`). Of two writes at the same moment the last one
counts. A change that keeps part of what is stored (`patch`, or `put` without images) begins again if the product
was changed meanwhile; only two such changes that commit in the same instant, through two services, can lose the first.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from pydantic import ValidationError

from service.catalog.column_types import type_changes
from service.catalog.deletion import Deletion
from service.catalog.documents import Documents
from service.catalog.listing import product_page
from service.catalog.product_images import ENCODE_BATCH, ProductImages, RowImage
from service.catalog.records import make_record, row_hash
from service.catalog.settling import settle
from service.errors import InvalidInput, InvalidValue, StoreUnavailable, UnknownProduct
from service.images.sources import ImageInput, ImageLoader
from service.images.store.image_store import ImageStore
from service.product import Product
from service.search.lexical.catalog_words import CatalogWords
from service.stores.filters import Filter
from service.stores.revisions import ProductMoved, now_ms
from service.stores.store import Record, Store, Vector, row_id

SETTLE_ROWS = 32
"""Rows changed one by one before a local store is asked to index them. On Milvus Lite a search of 1,900 products takes
1.3 times as long with 31 rows in memory, and 1.5 times with 127; a write takes 0.3 ms more than if 128 are indexed at
once.
"""

SAME_IMAGE = "The same image was given twice for one product. Give each image once."
MOVING = "Other requests keep changing this product. Send the request again."
_TRIES = 10


class Outcome(StrEnum):
    """The outcome for one product."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class ProductInput:
    """A product to be stored. `images` None keeps those that are stored; their order is the order shown."""

    product: Product
    images: Sequence[ImageInput] | None


@dataclass(frozen=True, slots=True)
class ItemResult:
    """The id if known, the outcome for the product, and the error of a rejected one."""

    id: str | None
    outcome: Outcome
    error: InvalidInput | None = None


@dataclass(frozen=True, slots=True)
class StoredProduct:
    """A product with the keys of all its images, and when it was last written (Unix time, milliseconds).

    `warnings` are about the change that led to it.
    """

    product: Product
    image_keys: tuple[str, ...]
    updated_at: int
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Plan:
    """A product that passed all checks."""

    product: Product
    rows: Sequence[Record]
    images: Sequence[RowImage]

    @property
    def is_stored(self) -> bool:
        return {row.id: row.content_hash for row in self.rows} == self.hashes

    @property
    def keeps_images(self) -> bool:
        """True if the images are those that were stored when the plan was made."""
        return bool(self.rows) and all(image.data is None for image in self.images)

    @property
    def result(self) -> ItemResult:
        """The outcome for the product when the plan is executed."""
        if self.is_stored:
            return ItemResult(self.product.id, Outcome.UNCHANGED)
        return ItemResult(self.product.id, Outcome.UPDATED if self.rows else Outcome.CREATED)

    @property
    def hashes(self) -> dict[str, str]:
        """The content hashes of the rows that the product will have, by row id."""
        return {
            row_id(self.product.id, number): row_hash(self.product, image.key)
            for number, image in enumerate(self.images)
        }


class Products:
    """Reads and changes the products of a store."""

    def __init__(
        self,
        *,
        documents: Documents,
        store: Store,
        images: ImageStore,
        image_loader: ImageLoader,
        words: CatalogWords | None = None,
    ) -> None:
        """`documents` must be bound to the store before the first change; `image_loader` reads what callers send;
        `images` keeps it; `words` is told what is written.
        """
        self._store = store
        self._images = ProductImages(documents, images, image_loader)
        self._words = words

    def put(self, items: Sequence[ProductInput]) -> list[ItemResult]:
        """Create or replace products; a bad one is rejected and the others continue. Results are in the given order.

        The same content again changes nothing. Raises StoreUnavailable and what the encoder raises.
        """
        results = [result for batch in _batches(items) for result in self._put(batch)]
        settle(self._store, SETTLE_ROWS)
        return results

    def patch(self, product_id: str, changes: Mapping[str, Any]) -> StoredProduct:
        """Change fields as RFC 7396 says: null removes, attributes are merged. Words that vectors are made of are
        encoded again, with the images as they are stored.

        `changes` may hold title, category, price and attributes. Raises UnknownProduct, InvalidValue or what the
        store and the encoder raise.
        """
        for _ in range(_TRIES):
            rows = self._rows(product_id)
            product = _merged(rows[0].product, changes)
            changed = self._changed(rows, product)
            if all(new.content_hash == old.content_hash for new, old in zip(changed, rows, strict=True)):
                return _stored(rows)
            with suppress(ProductMoved):
                self._store.write([changed], read={product_id: rows[0]})
                self._note([product])
                settle(self._store, SETTLE_ROWS)
                return replace(_stored(changed), warnings=type_changes(rows[0].product.attributes, product.attributes))
        raise StoreUnavailable(MOVING)

    def get(self, product_id: str) -> StoredProduct:
        """One product. Raises UnknownProduct, StoreUnavailable."""
        return _stored(self._rows(product_id))

    def delete(self, product_ids: Sequence[str]) -> int:
        """Delete products; the number of rows deleted. Images stay until the image store is swept."""
        deleted = self._store.delete(product_ids)
        if self._words is not None:
            self._words.remove(product_ids)
        settle(self._store, SETTLE_ROWS)
        return deleted

    def deletion(self, filter: Filter | None, *, dry_run: bool = False) -> Deletion:
        """Deletes what matches, step by step; None matches all products."""
        return Deletion(self._store, self.delete, filter, dry_run)

    def page(self, *, after: str, limit: int, filter: Filter | None) -> tuple[list[Product], str | None]:
        """The first `limit` matching products behind the row id `after`, and the row id to continue from, if any."""
        return product_page(self._store, after=after, limit=limit, filter=filter)

    def _put(self, items: Sequence[ProductInput]) -> list[ItemResult]:
        """Products with different ids; planned again if what they keep has changed in the meantime."""
        for _ in range(_TRIES):
            with suppress(ProductMoved):
                return self._put_once(items)
        raise StoreUnavailable(MOVING)

    def _put_once(self, items: Sequence[ProductInput]) -> list[ItemResult]:
        """Their images are encoded together, and they are written together."""
        plans = [self._try_plan(item) for item in items]
        for plan in plans:
            if isinstance(plan, _Plan):
                self._keep_images(plan)
        changed = [plan for plan in plans if isinstance(plan, _Plan) and not plan.is_stored]
        vectors = iter(self._images.vectors([image for plan in changed for image in plan.images]))
        if changed:
            kept = {plan.product.id: plan.rows[0] for plan in changed if plan.keeps_images}
            self._store.write([_rows(plan, vectors) for plan in changed], read=kept)
            self._note([plan.product for plan in changed])
        return [plan if isinstance(plan, ItemResult) else plan.result for plan in plans]

    def _try_plan(self, item: ProductInput) -> _Plan | ItemResult:
        try:
            return self._plan(item)
        except InvalidInput as error:
            return ItemResult(item.product.id, Outcome.REJECTED, error)

    def _plan(self, item: ProductInput) -> _Plan:
        """Everything that can go wrong with a product goes wrong here. Raises InvalidInput."""
        product, rows = item.product, self._store.get(item.product.id)
        if item.images is None:
            images = [self._images.kept(product, row) for row in rows]
        else:
            known = {row.product.image_key: row for row in rows}
            images = [self._images.sent(product, source, known) for source in item.images]
        images = images or [self._images.none(product)]
        if len({image.key for image in images}) < len(images):
            raise InvalidValue(SAME_IMAGE)
        return _Plan(product, rows, images)

    def _changed(self, rows: Sequence[Record], product: Product) -> list[Record]:
        """The rows of a product with other fields and the same images."""
        images = [self._images.kept(product, row) for row in rows]
        return _rows(_Plan(product, rows, images), iter(self._images.vectors(images)))

    def _keep_images(self, plan: _Plan) -> None:
        """Also those of an unchanged product: its files may have been lost or damaged since."""
        for image in plan.images:
            self._images.keep(image, known=plan.is_stored)

    def _note(self, products: Sequence[Product]) -> None:
        if self._words is not None:
            self._words.put(products)

    def _rows(self, product_id: str) -> list[Record]:
        rows = self._store.get(product_id)
        if not rows:
            raise UnknownProduct
        return rows


def _batches(items: Sequence[ProductInput]) -> Iterator[list[ProductInput]]:
    """The items in order, a few at once; the same id comes up again only in a later batch."""
    batch: list[ProductInput] = []
    for item in items:
        if len(batch) == ENCODE_BATCH or any(item.product.id == other.product.id for other in batch):
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch


def _rows(plan: _Plan, vectors: Iterator[Vector]) -> list[Record]:
    """The rows of a product, which take as many vectors as it has images."""
    now, hashes = now_ms(), plan.hashes
    return [
        make_record(plan.product, id, next(vectors), image_key=image.key, content_hash=hashes[id], now=now)
        for id, image in zip(hashes, plan.images, strict=True)
    ]


def _merged(product: Product, changes: Mapping[str, Any]) -> Product:
    attributes = dict(product.attributes)
    for name, value in (changes.get("attributes") or {}).items():
        if value is None:
            attributes.pop(name, None)
        else:
            attributes[name] = value
    if "attributes" in changes and changes["attributes"] is None:
        attributes = {}
    fields = {**product.model_dump(), **changes, "attributes": attributes}
    fields["title"] = fields["title"] or ""
    try:
        return Product.model_validate(fields)
    except ValidationError as error:
        raise InvalidValue from error


def _stored(rows: Sequence[Record]) -> StoredProduct:
    keys = tuple(row.product.image_key for row in rows)
    return StoredProduct(rows[0].product, keys, max(row.updated_at for row in rows))
