"""Rows for benchmarks of a store: numbered products with fields as long as those of the demo shop."""

from __future__ import annotations

from service.stores.store import Record, Vector


def product_record(number: int, vector: Vector) -> Record:
    """A product with one image, whose vector this is."""
    return Record(
        id=f"P{number:08}#0",
        product_id=f"P{number:08}",
        vector=vector,
        title=f"Leopard phone case number {number}, grey",
        category="phone case",
        price=number % 100,
        attributes={"colour": "grey"},
        image_key=f"{number:064x}.jpeg",
        content_hash=f"{number:064x}",
        updated_at=number,
    )
