"""Catalogs with real filters behind the page: what a shop of fakes lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rerank.query import Query
from service.build import assemble
from service.product import Product
from service.server.catalog import Catalog
from service.settings import Settings
from service.stores.exact.exact_store import ExactStore
from service.stores.store import Record, Vector
from tests.fakes import FakeEncoder, FakeStrategy, make_shop, png

Row = Mapping[str, object]
PROSE = "A long text about this product and no other one, as feeds bring them in a column named description: number "


@dataclass
class Stock:
    """A servable shop whose products are the rows that were given."""

    settings: Settings
    parts: Catalog
    encoder: FakeEncoder
    strategy: FakeStrategy


def stock(folder: Path, rows: Sequence[Row], **settings: object) -> Stock:
    """Products p0000, p0001, … in an exact store, all with the same image."""
    shop = make_shop(folder, products=0, **settings)  # type: ignore[arg-type]
    key = shop.images.put(png())
    store = ExactStore()
    store.ensure(shop.encoder.info)
    vectors = FakeEncoder().encode([Query(f"product {number}") for number in range(len(rows))]).vectors
    store.upsert([_record(number, row, key, vectors[number]) for number, row in enumerate(rows)])
    parts = assemble(
        encoder=shop.encoder, store=store, images=shop.images, rerank=shop.parts.rerank, settings=shop.settings
    )
    return Stock(shop.settings, parts, shop.encoder, shop.strategy)


def _record(number: int, row: Row, key: str, vector: Vector) -> Record:
    id = f"p{number:04}"
    product = Product.model_validate({"id": id, "title": f"Product {number}", "image_key": key, **row})
    return Record(f"{id}#0", product, vector, content_hash=str(number), updated_at=0)


def varied(n: int) -> list[Row]:
    """Ids go by category; of the attributes four divide the catalog, and four do not."""
    kinds = ["mug"] * (n // 2) + ["cap"] * (n // 3)
    kinds += ["Soyghurt"] * (n - len(kinds))
    return [
        {
            "category": kind,
            "price": 1.0 + number,
            "attributes": {
                "article": f"A-{number}",
                "currency": "EUR",
                "description": f"{PROSE}{number}.",
                "engraving": f"for {number // 2}",
                "brand": f"Brand {number % 20}",
                "color": ["red", "green", "blue", "white", "black"][number % 5],
                "materials": ["wood", "steel"] if number % 4 == 0 else ["glass"],
                "size": "SML"[number % 3],
            },
        }
        for number, kind in enumerate(kinds)
    ]
