"""The held-out test set is as large as promised, every query has an answer in it, and the measures are right."""

import math

import pytest
from PIL import Image

from benchmarks import heldout
from benchmarks.heldout import HeldOutProduct, HeldOutQuery, gallery, queries
from benchmarks.measures import ndcg

IMAGE = Image.new("RGB", (8, 8))


@pytest.fixture
def products(monkeypatch: pytest.MonkeyPatch) -> list[HeldOutProduct]:
    """The gallery, whose images nobody looks at."""
    for render in ("render_product", "render_motif"):
        monkeypatch.setattr(heldout, render, lambda *_: IMAGE)
    return gallery()


def test_the_gallery_is_large_enough(products: list[HeldOutProduct]) -> None:
    assert len({product.motif for product in products}) >= 150
    assert len(products) >= 1800


def test_every_query_has_an_answer_other_than_its_own_image(products: list[HeldOutProduct]) -> None:
    for query in queries(products):
        assert any(query.grade(product) == 3 for row, product in enumerate(products) if row != query.source), query.text


@pytest.mark.parametrize(
    ("motif", "kind", "colour", "expected"),
    [
        ("leopard", "mug", "red", 3),
        ("leopard", "mug", "blue", 2),
        ("leopard", "cap", "red", 1),
        ("rose", "mug", "red", 1),
        ("rose", "cap", "red", 0),
    ],
)
def test_grades(motif: str, kind: str, colour: str, expected: int) -> None:
    query = HeldOutQuery("", "leopard", "mug", "red", "a red mug with this", None)
    assert query.grade(HeldOutProduct(motif, kind, colour, IMAGE)) == expected


def test_an_image_alone_asks_for_the_motif_only() -> None:
    query = HeldOutQuery("", "leopard", None, None, None, IMAGE)
    assert query.grade(HeldOutProduct("leopard", "cap", "red", IMAGE)) == 3
    assert query.grade(HeldOutProduct("rose", "cap", "red", IMAGE)) == 0


def test_ndcg_is_one_for_the_ideal_order_and_falls_with_the_best_answer() -> None:
    everything = [0, 3, 1, 0, 1]
    assert ndcg([3, 1, 1, 0, 0], everything) == pytest.approx(1)
    ideal = 7 + 1 / math.log2(3) + 1 / math.log2(4)
    assert ndcg([1, 3], everything) == pytest.approx((1 + 7 / math.log2(3)) / ideal)
