"""The demo shop and the artwork it is drawn from."""

import csv
from itertools import islice
from pathlib import Path

import pytest
from PIL import Image

from starter import catalogue
from starter.artwork import STYLES, motif, motif_names
from starter.catalogue import STYLES as SHOP_STYLES
from starter.catalogue import demo_products, write_shop
from starter.concepts import concept_names, mentions_reserved
from starter.rendering import COLOURS, KINDS


def test_at_least_150_motifs_are_held_out_and_shipped_in_every_style() -> None:
    assert len(motif_names()) >= 150
    for code in motif_names():
        for style in STYLES:
            assert motif(style, code).mode == "RGBA"


def test_held_out_and_development_concepts_do_not_meet() -> None:
    assert not set(concept_names("held-out")) & set(concept_names("dev"))
    assert not set(concept_names("held-out").values()) & set(concept_names("dev").values())


def test_training_names_that_hold_a_reserved_name_are_found() -> None:
    assert mentions_reserved(["leopard"])
    assert mentions_reserved(["a Snow-Leopard, sitting"])
    assert mentions_reserved(["two leopards"])
    assert not mentions_reserved(["leopardskin", "lamp"])


def test_the_shop_is_deterministic_and_uses_another_style_than_the_queries() -> None:
    first, second = (list(islice(demo_products(900, seed=3), 20)) for _ in range(2))
    assert [row for row, _ in first] == [row for row, _ in second]
    assert all(a.tobytes() == b.tobytes() for (_, a), (_, b) in zip(first, second, strict=True))
    assert "noto" not in SHOP_STYLES


def test_no_product_twice_and_all_kinds_and_colors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "render_product", lambda *_, **__: None)
    rows = [row for row, _ in demo_products(900)]
    assert len(rows) == len({row.id for row in rows}) == 900
    assert len({(row.title, row.image) for row in rows}) == 900
    assert {row.category for row in rows} == set(KINDS)
    assert {row.colour for row in rows} == set(COLOURS)
    assert sum("Leopard phone case" in row.title for row in rows) == 4


def test_the_feed_names_images_that_exist(tmp_path: Path) -> None:
    write_shop(tmp_path, 12, 7)
    with (tmp_path / "products.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["id", "title", "category", "colour", "price", "image"]
    for row in rows:
        assert float(row["price"]) > 0
        with Image.open(tmp_path / row["image"]) as image:
            assert image.size == (448, 448)
