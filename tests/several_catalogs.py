"""A service of several catalogs over fakes; whatever is in one of them names it, so that a leak can be seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from litestar.testing import TestClient

from rerank.query import Query
from service.app import create_app
from service.build import assemble, open_images
from service.product import Product
from service.server.catalog import Catalog
from service.server.state import ServiceState
from service.settings import Settings
from service.stores.store import Record
from tests.conftest import HOME
from tests.fakes import FakeEncoder, MemoryStore, make_shop, png

PRODUCTS = 6
COLORS = ("crimson", "teal", "gold", "navy", "olive", "plum")


@dataclass
class SeveralCatalogs:
    """The settings of the service, its catalogs, and their stores."""

    settings: Settings
    service: ServiceState
    stores: dict[str, MemoryStore]

    def client(self) -> TestClient[Any]:
        """A client; use it in a `with`."""
        return TestClient(create_app(self.settings, self.service), base_url=HOME, raise_server_exceptions=False)


def several_catalogs(folder: Path, names: Sequence[str], **settings: Any) -> SeveralCatalogs:
    """A catalog for each name beside the default one, all with a file of rules and a search log."""
    entries = [{"name": name, "rules": _rules(folder, name)} for name in names]
    more = {"catalogs": entries, "rules": _rules(folder, "default"), "search_log": folder / "log", "feedback": True}
    shop = make_shop(folder, products=0, **{**more, **settings})
    stores, catalogs = {}, {}
    for number, name in enumerate(shop.settings.catalog_names):
        stores[name] = store = MemoryStore()
        catalogs[name] = catalog = assemble(
            shop.settings.of_catalog(name),
            name=name,
            encoder=shop.encoder,
            store=store,
            images=open_images(shop.settings.of_catalog(name)),
            rerank=shop.parts.rerank,
            image_loader=shop.parts.image_loader,
        )
        fill(catalog, store, number)
    return SeveralCatalogs(shop.settings, ServiceState(catalogs), stores)


def fill(catalog: Catalog, store: MemoryStore, number: int) -> None:
    """Products whose ids, titles, categories and values hold the name of their catalog, and images of its own."""
    vectors = FakeEncoder().encode([Query(f"{catalog.name} {place}") for place in range(PRODUCTS)]).vectors
    for place, color in enumerate(COLORS):
        product = Product(
            id=f"{catalog.name}-{place}",
            title=f"Thing of {catalog.name}",
            category=f"category of {catalog.name}",
            price=5.0 + place,
            attributes={"brand": f"brand of {catalog.name}"},
            image_key=catalog.images.put(png(color, (20 + number, 16))),
        )
        store.upsert([Record(f"{product.id}#0", product, vectors[place], content_hash=str(place), updated_at=0)])


def _rules(folder: Path, name: str) -> Path:
    path = folder / f"{name}-rules.yaml"
    path.write_text(
        yaml.safe_dump({"rules": [{"name": f"rule of {name}", "pin": [{"product_id": f"{name}-5", "position": 1}]}]})
    )
    return path
