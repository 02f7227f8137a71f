"""Rows of ours as vectors of Pinecone, and back.

Its ids are ASCII of at most 512 characters, so others are written as `~` and six hex digits, which keeps their order.
Metadata is flat and holds at most 40 KB; attributes go in twice, as JSON to be read back and as fields to be filtered.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from service.errors import InvalidValue
from service.product import Product
from service.stores.filters import NO_CATEGORY, NO_PRICE
from service.stores.pinecone.filter_compiler import attribute_fields
from service.stores.revisions import id_of_key, row_key
from service.stores.store import Hit, Record

MAX_ID_CHARS = 512
MAX_METADATA_BYTES = 40 * 1024
_TOO_LONG = f"Pinecone accepts ids of at most {MAX_ID_CHARS} ASCII characters; others count seven. Use a shorter id."
_TOO_LARGE = "Pinecone accepts at most 40 KB of fields per product. Shorten its title or its attributes."
_ESCAPED = re.compile(r"[^\x20-\x7d]")
_UNESCAPED = re.compile(r"~([0-9a-f]{6})")


def to_vector_id(id: str) -> str:
    """Our row id as an id of Pinecone; ids keep their order by code points. Raises InvalidValue if it is too long."""
    found = _ESCAPED.sub(lambda match: f"~{ord(match.group()):06x}", id)
    if len(found) > MAX_ID_CHARS:
        raise InvalidValue(_TOO_LONG)
    return found


def from_vector_id(id: str) -> str:
    """The row id again."""
    return _UNESCAPED.sub(lambda match: chr(int(match.group(1), 16)), id)


def to_vector(record: Record) -> dict[str, Any]:
    """A row as an upsert takes it. Raises InvalidValue for one that is too large."""
    product = record.product
    metadata = {
        "product_id": product.id,
        "title": product.title,
        "category": NO_CATEGORY if product.category is None else product.category,
        "price": NO_PRICE if product.price is None else product.price,
        "image_key": product.image_key,
        "content_hash": record.content_hash,
        "updated_at": record.updated_at,
        "revision": record.revision,
        "revision_rows": record.revision_rows,
        "attributes": json.dumps(dict(product.attributes), ensure_ascii=False),
        **attribute_fields(product.attributes),
    }
    if len(json.dumps(metadata, ensure_ascii=False).encode()) > MAX_METADATA_BYTES:
        raise InvalidValue(_TOO_LARGE)
    return {"id": to_vector_id(row_key(record)), "values": record.vector.tolist(), "metadata": metadata}


def to_record(id: str, values: Any, metadata: Mapping[str, Any]) -> Record:
    """A row from what a fetch gives."""
    revision = metadata.get("revision", "")
    return Record(
        id=id_of_key(from_vector_id(id), revision),
        product=_product(metadata),
        vector=np.asarray(values, dtype=np.float32),
        content_hash=metadata["content_hash"],
        updated_at=int(metadata["updated_at"]),
        revision=revision,
        revision_rows=int(metadata.get("revision_rows", 0)),
    )


def to_hit(id: str, score: float, metadata: Mapping[str, Any]) -> Hit:
    """A row from what a query gives; a cosine may be out of range by a rounding."""
    revision = metadata.get("revision", "")
    return Hit(
        id=id_of_key(from_vector_id(id), revision),
        product=_product(metadata),
        content_hash=metadata["content_hash"],
        updated_at=int(metadata["updated_at"]),
        score=max(-1.0, min(1.0, score)),
        revision=revision,
    )


def _product(metadata: Mapping[str, Any]) -> Product:
    price = float(metadata["price"])
    return Product.model_construct(
        id=metadata["product_id"],
        title=metadata["title"],
        category=metadata["category"] or None,
        price=None if price < 0 else price,
        attributes=json.loads(metadata["attributes"]),
        image_key=metadata["image_key"],
    )
