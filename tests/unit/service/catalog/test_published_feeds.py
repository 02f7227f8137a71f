"""Published feed formats, read as they are: all products, and each field as it should be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from service.catalog.ingest import ingest
from service.catalog.readers import open_feed, parse_columns
from service.catalog.rows import FeedRow
from service.errors import FeedError
from service.images.store.image_store import ImageStore
from service.product import Product
from service.stores.exact.exact_store import ExactStore
from tests.fakes import FakeEncoder
from tests.unit.service.catalog import published_feeds as feeds
from tests.unit.service.images.sample_images import sample_image


class Shop:
    """A folder with three images, and a store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = ExactStore()
        for place, name in enumerate(("a.png", "b.png", "c.png")):
            (folder / name).write_bytes(sample_image((place, 0, 0)))

    def index(self, name: str, text: str, **options: Any) -> dict[str, list[Product]]:
        """The fields of each product, once for each of its rows."""
        feed = self.folder / name
        feed.write_bytes(text.encode())
        images = ImageStore(self.folder / "images")
        self.report = ingest(feed, FakeEncoder(), self.store, images, columns=parse_columns(**options))
        found: dict[str, list[Product]] = {}
        ids = sorted(state.id for page in self.store.scan() for state in page)
        for row in sorted(self.store.fetch(ids), key=lambda row: row.id):
            found.setdefault(row.product_id, []).append(row.product)
        return found


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """An empty shop."""
    return Shop(tmp_path)


FORMS = {
    "feed.txt": feeds.google_tsv(),
    "feed.csv": feeds.google_csv(),
    "feed.jsonl": feeds.google_jsonl(),
    "feed.xml": feeds.google_xml(),
}


@pytest.mark.parametrize("name", FORMS)
def test_google_in_all_its_forms(shop: Shop, name: str) -> None:
    found = shop.index(name, FORMS[name])
    assert {id: len(rows) for id, rows in found.items()} == {"TV-1": 3, "TV-2": 1, "CARD": 1}
    assert (shop.report.rejected, shop.report.without_image) == (0, 1)
    monitor, television, card = (found[id][0] for id in ("TV-1", "TV-2", "CARD"))
    assert (monitor.title, monitor.category, monitor.price) == ('24" Monitor', "Home > Screens", 1299.0)
    assert monitor.attributes == {
        "description": "Sharp & bright.\nHDMI",
        "link": "https://shop.example/tv-1",
        "sale_price": 15.99,
        "currency": "USD",
        "availability": "in_stock",
        "item_group_id": "TV",
        "product_type": "Home > Screens",
        "google_product_category": "305",
        "gtin": "0012345678905",
        "brand": "Acme",
        "size": 24 if name != "feed.jsonl" else "24",
        "shipping": "US:CA:Ground:5.00 USD",
    }
    assert (television.category, television.price) == ("Electronics > Video > Televisions", 899.0)
    assert television.attributes["availability"] == "out_of_stock" and television.attributes["gtin"] == "12345678905"
    assert 9_990 < len(str(television.attributes["description"])) <= 10_000
    assert (card.title, card.price, card.image_key) == ("Gift card", 25.0, "")
    assert any("Google Merchant" in note for note in shop.report.notes)
    assert any("'description' in 1" in note for note in shop.report.notes)


def test_shopify_lines_bring_variants_and_images_of_one_product(shop: Shop) -> None:
    found = shop.index("products_export.csv", feeds.SHOPIFY)
    assert {id: len(rows) for id, rows in found.items()} == {"leopard-case": 3, "card": 1}
    assert (shop.report.rejected, shop.report.repeated, shop.report.without_image) == (0, 0, 1)
    for row in found["leopard-case"]:
        assert (row.title, row.category, row.price) == ("Leopard case", "phone case", 17.9)
    assert found["leopard-case"][0].attributes == {
        "description": "A case, with spots",
        "brand": "Acme",
        "product_category": "Phones > Cases",
        "type": "phone case",
        "tags": ["leopard", "gift"],
        "published": True,
        "size": ["S", "M"],
        "sku": ["LC-S", "LC-M"],
        "gtin": ["0012345678905", "0012345678912"],
        "compare_at_price": 25.0,
        "availability": "in_stock",
        "status": "active",
    }
    card = found["card"][0]
    assert (card.title, card.price, card.attributes["availability"]) == ("Gift card", 10.0, "in_stock")
    assert "title" not in card.attributes and "option1" not in card.attributes


def test_shopify_in_its_newer_names(shop: Shop) -> None:
    [rows] = shop.index("products.csv", feeds.SHOPIFY_NEW).values()
    assert (rows[0].id, rows[0].title, rows[0].price, len(rows)) == ("leopard-case", "Leopard case", 17.9, 2)
    assert shop.report.repeated == 1  # a variant has an image of the product
    attributes = dict(rows[0].attributes)
    assert (attributes["size"], attributes["sku"]) == (["S", "M"], ["LC-S", "LC-M"])
    assert attributes["availability"] == "in_stock"
    assert "cost_per_item" not in attributes


def test_woocommerce_variations_belong_to_their_parent(shop: Shop) -> None:
    found = shop.index("wc-product-export.csv", feeds.WOOCOMMERCE)
    assert {id: len(rows) for id, rows in found.items()} == {"HOOD": 3, "id:50": 1}
    assert shop.report.rejected == 0 and shop.report.repeated == 1
    hoodie, poster = found["HOOD"][0], found["id:50"][0]
    assert (hoodie.title, hoodie.category, hoodie.price) == ("Hoodie", "Clothing > Hoodies", 1040.0)
    assert hoodie.attributes == {
        "short_description": "Warm",
        "description": "Soft\nand warm",
        "categories": ["Clothing > Hoodies", "Sale, now"],
        "tags": ["soft", "warm"],
        "color": ["Blue", "Green"],
        "sku": ["HOOD", "HOOD-B", "HOOD-G"],
        "gtin": ["0012345678905"],
        "sale_price": 39.9,
        "availability": "in_stock",
        "status": "published",
    }
    assert (poster.title, poster.price, poster.attributes["status"]) == ("Poster", 9.9, "draft")
    assert any("decimal comma" in note for note in shop.report.notes)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("feed.jsonl", "\n".join(map(json.dumps, feeds.OPENAI))),
        ("feed.json", json.dumps({"target_country": "US", "products": feeds.OPENAI})),
    ],
    ids=["lines", "document"],
)
def test_openai_products_have_their_variants_within(shop: Shop, name: str, text: str) -> None:
    found = shop.index(name, text)
    assert {id: len(rows) for id, rows in found.items()} == {"prod_tee": 2, "prod_card": 1, "prod_bare": 1}
    tee, card, bare = found["prod_tee"][0], found["prod_card"][0], found["prod_bare"][0]
    assert (tee.title, tee.category, tee.price) == ("Classic Tee", "Apparel > Shirts", 15.0)
    assert tee.attributes == {
        "color": ["Red"],
        "size": ["Small", "Medium"],
        "currency": "USD",
        "compare_at_price": 24.99,
        "description": "Soft & light",
        "url": "https://shop.example/tee",
        "availability": "in_stock",
        "sku": ["tee-red-s", "tee-red-m", "tee-eur"],
        "gtin": ["00012345600012"],
        "condition": ["new"],
        "seller": "Acme",
    }
    assert (card.title, card.price) == ("Gift card", 2500.0)  # the yen has no minor unit
    assert card.attributes["description"] == "2 < 3" and card.attributes["availability"] == "in_stock"
    assert (bare.title, bare.price, bare.attributes) == ("Bare", None, {"sku": ["bare"]})
    assert (shop.report.indexed, shop.report.rejected) == (4, 0)


def test_options_come_before_the_format(shop: Shop) -> None:
    options = {"columns": ["category=brand", "image=additional image link"], "without": ["shipping", "description"]}
    found = shop.index("feed.txt", feeds.google_tsv(), **options, types=["size=text"])
    assert (found["TV-1"][0].category, len(found["TV-1"])) == ("Acme", 2)
    assert found["TV-1"][0].attributes["size"] == "24" and "description" not in found["TV-1"][0].attributes
    plain = open_feed(shop.folder / "feed.txt", parse_columns(["image=image link"], format="plain"))
    with plain.survey() as survey:
        assert not any("Google" in note for note in plain.notes(survey))


def test_a_mapping_file_has_the_same_options(shop: Shop) -> None:
    (shop.folder / "shop.toml").write_text(
        'format = "plain"\ndecimal = "comma"\nwithout = ["note"]\n'
        '[columns]\ntitle = "Name"\nprice = ["Angebot", "Preis"]\nimage = ["Bild1", "Bild2"]\n'
        '[types]\nText = "html"\nuvp = "price"\n'
    )
    text = (
        "id;Name;Preis;Angebot;Bild1;Bild2;Text;uvp;note\n"
        "1;Tasse;1.299;;a.png;b.png;<b>Blau</b> rot;1.499;x\n2;Hut;9;8,5;;c.png;<;10;y\n"
    )
    found = shop.index("feed.csv", text, mapping=shop.folder / "shop.toml")
    assert [(row.title, row.price) for row in found["1"]] == [("Tasse", 1299.0)] * 2
    assert found["1"][0].attributes == {"Text": "Blau rot", "uvp": 1499.0}
    assert [(row.title, row.price, row.attributes["Text"]) for row in found["2"]] == [("Hut", 8.5, "<")]
    for content in ("x = 1", "[types]\nsize = 'colour'", "no toml", "format = 'ebay'"):
        (shop.folder / "shop.toml").write_text(content)
        with pytest.raises(FeedError):
            parse_columns(mapping=shop.folder / "shop.toml")


@pytest.mark.parametrize(
    "document",
    [
        feeds.google_xml('<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY shop "The shop">]>'),
        feeds.google_xml('<?xml version="1.0"?><!DOCTYPE rss SYSTEM "shop.dtd">'),
        "<rss><channel></channel></rss>",
        "<rss><item><id>1</id>",
        f"<rss><item>{'<a>' * 40}{'</a>' * 40}</item></rss>",
        "<rss><item><id>&shop;</id></item></rss>",
        "",
    ],
    ids=["entity", "external", "empty", "cut off", "deep", "unknown entity", "nothing"],
)
def test_xml_that_is_refused(shop: Shop, document: str) -> None:
    with pytest.raises(FeedError, match="XML feed"):
        shop.index("feed.xml", document)
    assert shop.store.count() == 0


def test_other_forms_of_xml(shop: Shop) -> None:
    atom = (
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0"><title>Shop</title>'
        '<entry><g:id>1</g:id><title>Mug</title><link href="https://shop.example/1"/><g:image_link>a.png</g:image_link>'
        "</entry></feed>"
    )
    [row] = shop.index("feed.atom", atom)["1"]
    assert (row.title, row.attributes) == ("Mug", {"link": "https://shop.example/1"})
    own = "<products><product>\n<id>2</id><title>M\u00fcg</title><image>b.png</image></product></products>"
    declared = f'<?xml version="1.0" encoding="ISO-8859-1"?>{own}'
    (shop.folder / "own.xml").write_bytes(declared.encode("latin-1"))
    feed = open_feed(shop.folder / "own.xml")
    with feed.survey() as survey:
        [line] = feed.rows(survey)
    assert isinstance(line, FeedRow) and (line.line, line.product.title) == (1, "M\u00fcg")


def test_rejects_say_line_field_and_reason(shop: Shop) -> None:
    rows = [list(row) for row in feeds.GOOGLE_ROWS]
    rows[0][6], rows[1][7] = "on request", "soon"
    shop.index("feed.txt", feeds.google_tsv(rows))
    assert [(one.line, one.id, one.field) for one in shop.report.first_rejects] == [
        (2, "TV-1", "price"),
        (3, "TV-2", "sale_price"),
    ]


def test_a_stray_quote_in_a_google_feed_costs_its_own_line(shop: Shop) -> None:
    rows = [[f"P{n}", f"Monitor {n}", "Text", "", "a.png", "", "5 USD", *[""] * 9] for n in range(20)]
    rows[3][1] = '"Monitor 24 inch'
    found = shop.index("feed.tsv", feeds.google_tsv(rows))
    assert len(found) >= 19 and len(found) + shop.report.rejected == 20
