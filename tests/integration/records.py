"""Rows for store tests."""

from dataclasses import fields as fields_of_class
from dataclasses import replace
from typing import Any

import numpy as np

from service.encoders.encoder import EncoderInfo
from service.product import Product
from service.stores.store import Record, Vector

DIMENSION = 8
INFO = EncoderInfo("fake", DIMENSION, "fake-1", frozenset({"image"}), 16)


_OF_ROWS = {"content_hash", "updated_at", "revision", "revision_rows"}


def unit(seed: int) -> Vector:
    """A unit vector, the same for the same seed."""
    vector = np.random.default_rng(seed).normal(size=DIMENSION)
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


def record(product_id: str, number: int = 0, *, seed: int = 0, **fields: Any) -> Record:
    """A row with sensible fields; name those that matter, of the row or of its product."""
    row: dict[str, Any] = {"content_hash": f"hash-{product_id}-{number}", "updated_at": 1}
    row |= {name: fields.pop(name) for name in _OF_ROWS & fields.keys()}
    product = {"title": f"Product {product_id}", "category": "mug", "price": 10.0, "attributes": {}, "image_key": ""}
    stored = Product.model_construct(id=product_id, **{**product, **fields})
    return Record(f"{product_id}#{number}", stored, unit(seed), **row)


def with_fields(row: Record, **fields: Any) -> Record:
    """The row with other fields of its product."""
    return replace(row, product=row.product.model_copy(update=fields))


def content_of(row: Record) -> dict[str, object]:
    """All fields of a row but its vector, and what it was stamped with when it was written."""
    return {
        field.name: getattr(row, field.name)
        for field in fields_of_class(row)
        if field.name not in ("vector", "updated_at", "revision", "revision_rows")
    }
