"""Rows for benchmarks of a store: numbered products with fields as long as those of the demo shop."""

from __future__ import annotations

from service.product import Product
from service.stores.store import Record, Vector


def product_record(number: int, vector: Vector) -> Record:
    """A product with one image, whose vector this is."""
    return Record(
        id=f"P{number:08}#0",
        product=Product(
            id=f"P{number:08}",
            title=f"Leopard phone case number {number}, grey",
            category="phone case",
            price=number % 100,
            attributes={"colour": "grey"},
            image_key=f"{number:064x}.jpeg",
        ),
        vector=vector,
        content_hash=f"{number:064x}",
        updated_at=number,
    )
