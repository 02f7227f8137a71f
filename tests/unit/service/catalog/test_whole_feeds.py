"""Runs over feeds that are the whole catalog: dry runs, and products that the feed no longer has."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from service.catalog import missing_products
from service.catalog.ingest import IngestReport, ingest
from service.catalog.prices import Decimal
from service.catalog.readers import parse_columns
from service.images.store.image_store import ImageStore
from service.stores.exact.exact_store import ExactStore
from tests.fakes import FakeEncoder
from tests.unit.service.catalog import published_feeds as feeds
from tests.unit.service.images.sample_images import sample_image


class Shop:
    """A folder with three images, and a store."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.store, self.encoder = folder, ExactStore(), FakeEncoder()
        for place, name in enumerate(("a.png", "b.png", "c.png")):
            (folder / name).write_bytes(sample_image((place, 0, 0)))

    def run(self, name: str, text: str, **options: Any) -> IngestReport:
        """One run."""
        (self.folder / name).write_bytes(text.encode())
        images = ImageStore(self.folder / "images")
        return ingest(self.folder / name, self.encoder, self.store, images, **options)

    def ids(self) -> set[str]:
        """The products in the store."""
        return {state.product_id for page in self.store.scan() for state in page}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """An empty shop."""
    return Shop(tmp_path)


def lines(ids: range, *more: str) -> str:
    """A feed of products that have words alone."""
    return "\n".join(["id,title,image", *(f"p{n},Mug {n}," for n in ids), *more]) + "\n"


BROKEN = feeds.google_tsv([*feeds.GOOGLE_ROWS, ["X", "X", "", "", "gone.png", "", "free", *[""] * 9]])
FEEDS = {
    "google.tsv": feeds.google_tsv(),
    "google.xml": feeds.google_xml(),
    "broken.tsv": BROKEN,
    "shopify.csv": feeds.SHOPIFY,
    "woocommerce.csv": feeds.WOOCOMMERCE,
}


def counts(report: IngestReport) -> dict[str, Any]:
    return {name: value for name, value in asdict(report).items() if name != "fields"}


@pytest.mark.parametrize("name", FEEDS)
def test_a_dry_run_counts_what_a_run_does_and_changes_nothing(shop: Shop, name: str) -> None:
    options: dict[str, Any] = {"delete_missing": True, "new_ids": True}
    for text in (FEEDS[name], FEEDS[name].replace("Acme", "Acme Inc."), feeds.google_tsv(feeds.GOOGLE_ROWS[:1])):
        file = name if text != feeds.google_tsv(feeds.GOOGLE_ROWS[:1]) else "last.tsv"
        before = sorted((state.id, state.content_hash) for page in shop.store.scan() for state in page)
        images = sorted(path.name for path in (shop.folder / "images").rglob("*"))
        encoded = len(shop.encoder.seen)
        dry = shop.run(file, text, dry_run=True, **options)
        assert sorted((state.id, state.content_hash) for page in shop.store.scan() for state in page) == before
        assert sorted(path.name for path in (shop.folder / "images").rglob("*")) == images
        assert len(shop.encoder.seen) == encoded
        assert counts(shop.run(file, text, **options)) == counts(dry)
    assert shop.ids() == {"TV-1"}


def test_a_dry_run_shows_what_became_of_each_field(shop: Shop) -> None:
    report = shop.run("google.tsv", feeds.google_tsv(), dry_run=True)
    found = {one.name: one for one in report.fields}
    assert (found["price"].filled, found["price"].values, dict(found["price"].types)) == (
        3,
        ["1299.0", "899.0", "25.0"],
        {"number": 3},
    )
    assert found["sale_price"].filled == 1 and found["gtin"].values == ["0012345678905", "12345678905"]
    assert all(len(value) <= 61 for value in found["description"].values)
    assert shop.store.count() == 0 and shop.store.built_by() is None


def test_products_that_the_feed_no_longer_has_are_deleted_if_that_is_asked_for(shop: Shop) -> None:
    shop.run("feed.csv", lines(range(10)))
    assert shop.run("feed.csv", lines(range(8))).deleted == 0
    report = shop.run("feed.csv", lines(range(8), "p8,,"), delete_missing=True)
    assert (report.deleted, report.rejected, report.objection) == (1, 1, None)
    assert shop.ids() == {f"p{n}" for n in range(9)}  # a product whose line is rejected is in the feed all the same


def test_nothing_is_deleted_while_a_line_cannot_be_read(shop: Shop) -> None:
    shop.run("feed.csv", lines(range(10)))
    report = shop.run("feed.csv", lines(range(8), 'p9,"Mug'), delete_missing=True)
    assert report.deleted == 0 and len(shop.ids()) == 10
    assert report.objection is not None and "line 10 could not be read" in report.objection


def test_most_of_a_catalog_is_deleted_only_if_that_is_meant(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(missing_products, "MANY", 3)
    shop.run("feed.csv", lines(range(10)))
    report = shop.run("feed.csv", lines(range(4)), delete_missing=True)
    assert report.deleted == 0 and report.objection is not None and "6 of 10 products" in report.objection
    assert shop.run("feed.csv", lines(range(4)), delete_missing=True, delete_most=True).deleted == 6
    assert shop.ids() == {f"p{n}" for n in range(4)}


def test_a_decimal_comma_is_told_or_seen(shop: Shop) -> None:
    text = "id;title;price;image\n1;Mug;1.299;\n2;Hat;{};\n"
    for other, options, price in (
        ("19,90", {}, 1299.0),
        ("19.90", {}, 1.299),
        ("19,90", {"decimal": Decimal.POINT}, 1.299),
        ("19.90", {"decimal": Decimal.COMMA}, 1299.0),
    ):
        shop.run("feed.csv", text.format(other), columns=parse_columns(**options))  # type: ignore[arg-type]
        assert (shop.store.get("1")[0].product.price, shop.store.get("2")[0].product.price) == (price, 19.9)
