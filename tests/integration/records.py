"""Rows for store tests."""

from dataclasses import fields as fields_of_class
from typing import Any

import numpy as np

from service.encoders.encoder import EncoderInfo
from service.stores.store import Record, Vector

DIMENSION = 8
INFO = EncoderInfo("fake", DIMENSION, "fake-1", frozenset({"image"}), 16)


def unit(seed: int) -> Vector:
    """A unit vector, the same for the same seed."""
    vector = np.random.default_rng(seed).normal(size=DIMENSION)
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


def record(product_id: str, number: int = 0, *, seed: int = 0, **fields: Any) -> Record:
    """A row with sensible fields; name those that matter."""
    values: dict[str, Any] = {
        "title": f"Product {product_id}",
        "category": "mug",
        "price": 10.0,
        "attributes": {},
        "image_key": "",
        "content_hash": f"hash-{product_id}-{number}",
        "updated_at": 1,
    }
    return Record(id=f"{product_id}#{number}", product_id=product_id, vector=unit(seed), **{**values, **fields})


def content_of(row: Record) -> dict[str, object]:
    """All fields of a row but its vector, and what it was stamped with when it was written."""
    return {
        field.name: getattr(row, field.name)
        for field in fields_of_class(row)
        if field.name not in ("vector", "updated_at", "revision", "revision_rows")
    }
