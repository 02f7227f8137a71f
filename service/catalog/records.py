"""The content of a store row: its hash and its fields. Shared by feeds and the HTTP routes."""

import hashlib
import json
from typing import Protocol

from service.product import Attributes, Product
from service.stores.store import Record, Vector

_HASH_VERSION = "1"


class Described(Protocol):
    """The fields of a product, wherever they come from."""

    @property
    def id(self) -> str:
        """The product's id."""

    @property
    def title(self) -> str:
        """Its name; may be empty."""

    @property
    def category(self) -> str | None:
        """Its category, if it has one."""

    @property
    def price(self) -> float | None:
        """Its price, if it has one."""

    @property
    def attributes(self) -> Attributes:
        """Everything else."""


def row_hash(product: Described, image_key: str) -> str:
    """SHA-256 over a row's image and all its fields, in hex."""
    values = [product.id, product.title, product.category, product.price, dict(product.attributes)]
    fields = [_HASH_VERSION, image_key, *values]
    text = json.dumps(fields, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def make_record(product: Described, id: str, vector: Vector, *, image_key: str, content_hash: str, now: int) -> Record:
    """One row. `now` is Unix time in milliseconds."""
    stored = Product.model_construct(
        id=product.id,
        title=product.title,
        category=product.category,
        price=product.price,
        attributes=dict(product.attributes),
        image_key=image_key,
    )
    return Record(id, stored, vector, content_hash, now)
