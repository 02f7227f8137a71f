"""Calls about the catalog. All but a patch may be repeated: storing and deleting are idempotent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel

from service.client.call import UNCHANGED, Call, Unchanged, content, given, into, nothing
from service.client.images import AnyImage, data_uri, reference
from service.wire.products import DeletionOut, ProductPageOut, PutOut, StoredProductOut

BATCH_PRODUCTS = 256
BATCH_BYTES = 16 * 2**20
"""Most products and bytes in one request of many; a larger product is sent alone."""

_PATH = "/v1/products"


def put_product(
    id: str,
    *,
    images: Iterable[AnyImage] | None = None,
    title: str | None = None,
    category: str | None = None,
    price: float | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Call[PutOut]:
    """Create or replace one product; `images` None keeps the stored ones. Raises as the service refuses it."""
    fields = given(title=title, category=category, price=price, attributes=attributes, images=images)
    return Call("PUT", _PATH, into(PutOut), options={"json": _product({"id": id, **fields})})


def put_batch(lines: list[bytes]) -> Call[PutOut]:
    """Create or replace many, from the lines that `batches` makes."""
    headers = {"Content-Type": "application/x-ndjson"}
    return Call("PUT", _PATH, into(PutOut), options={"content": b"".join(lines), "headers": headers})


def get_product(id: str) -> Call[StoredProductOut]:
    """A product and all its images. Raises NotFoundError."""
    return Call("GET", _one(id), into(StoredProductOut))


def patch_product(
    id: str,
    *,
    title: str | Unchanged | None = UNCHANGED,
    category: str | Unchanged | None = UNCHANGED,
    price: float | Unchanged | None = UNCHANGED,
    attributes: Mapping[str, Any] | Unchanged | None = UNCHANGED,
) -> Call[StoredProductOut]:
    """Change title, category, price or attributes; None removes a value. Nothing is encoded. Raises NotFoundError."""
    fields = {"title": title, "category": category, "price": price, "attributes": attributes}
    changes = {name: value for name, value in fields.items() if value is not UNCHANGED}
    return Call("PATCH", _one(id), into(StoredProductOut), repeatable=False, options={"json": changes})


def delete_product(id: str) -> Call[None]:
    """Delete a product. Raises NotFoundError."""
    return Call("DELETE", _one(id), nothing)


def deletion(filter: Mapping[str, Any] | BaseModel, *, dry_run: bool = False) -> Call[DeletionOut]:
    """Delete or count what matches, up to the bound of one request."""
    return Call(
        "POST", "/v1/deletions", into(DeletionOut), options={"json": {"filter": _plain(filter), "dry_run": dry_run}}
    )


def deletion_of_all(*, dry_run: bool = False) -> Call[DeletionOut]:
    """Delete or count every product, up to the bound of one request."""
    parameters = {"confirm": "all-products", "dry_run": dry_run}
    return Call("DELETE", _PATH, into(DeletionOut), options={"params": parameters})


def together(one: DeletionOut, other: DeletionOut) -> DeletionOut:
    """What two requests of one deletion did."""
    counts = {"matched": one.matched + other.matched, "deleted": one.deleted + other.deleted}
    return DeletionOut(**counts, complete=other.complete)


def product_page(
    *, filter: Mapping[str, Any] | BaseModel | None = None, limit: int | None = None, cursor: str | None = None
) -> Call[ProductPageOut]:
    """Some products in the order of their ids; `cursor` is `next_cursor` of the previous page."""
    conditions = json.dumps(_plain(filter)) if filter else None
    return Call(
        "GET",
        _PATH,
        into(ProductPageOut),
        options={"params": given(filter=conditions, limit=limit, cursor=cursor)},
    )


def export_products(*, filter: Mapping[str, Any] | BaseModel | None = None, vectors: bool = False) -> Call[bytes]:
    """The whole catalog as JSON lines, in a stream."""
    conditions = json.dumps(_plain(filter)) if filter else None
    return Call("GET", "/v1/export", content, options={"params": given(filter=conditions, vectors=vectors)})


def batches(products: Iterable[Mapping[str, Any]]) -> Iterator[list[bytes]]:
    """Products as lines of JSON, in lists that fit one request. Reads no further ahead than one request."""
    lines: list[bytes] = []
    size = 0
    for product in products:
        line = json.dumps(_product(product)).encode() + b"\n"
        if lines and (len(lines) == BATCH_PRODUCTS or size + len(line) > BATCH_BYTES):
            yield lines
            lines, size = [], 0
        lines.append(line)
        size += len(line)
    if lines:
        yield lines


def _plain(filter: Mapping[str, Any] | BaseModel) -> Mapping[str, Any]:
    """A filter as JSON has it."""
    if isinstance(filter, BaseModel):
        return filter.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return filter


def _product(product: Mapping[str, Any]) -> dict[str, Any]:
    """A product with its images as the service takes them."""
    images = product.get("images")
    return {**product, "images": [_image(image) for image in images]} if images is not None else dict(product)


def _image(image: AnyImage) -> dict[str, str]:
    return reference(image) if isinstance(image, str | Mapping) else {"data": data_uri(image)}


def _one(id: str) -> str:
    """The path of a product. Dots are percent-encoded, since `..` would be read as the parent folder."""
    return f"{_PATH}/{quote(id, safe='').replace('.', '%2E')}"
