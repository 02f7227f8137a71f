"""The best row of each product, however many rows a product has, and whatever searches before have read."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from service.stores.milvus.grouping import Page, RowRate, best_of_each
from service.stores.store import Hit
from tests.integration.records import record

_IMAGES = st.lists(st.integers(1, 30), min_size=1, max_size=40)
_SEEN = st.lists(st.tuples(st.integers(1, 500), st.integers(1, 100)), max_size=5)


class Catalog:
    """Rows in the order of their scores, and how many were asked for each time."""

    def __init__(self, rows: list[tuple[str, float]]) -> None:
        self.hits = [record(id, number).found(score) for number, (id, score) in enumerate(rows)]
        self.asked: list[int] = []

    def find(self, rows: int, expression: str) -> Page:
        self.asked.append(rows)
        excluded = re.findall(r'"([^"]*)"', expression)
        found = [hit for hit in self.hits if hit.product_id not in excluded][:rows]
        return Page(found, [], moved=False, full=len(found) == rows)

    def best(self) -> dict[str, Hit]:
        best: dict[str, Hit] = {}
        for hit in self.hits:
            best.setdefault(hit.product_id, hit)
        return best


def rate_after(seen: list[tuple[int, int]]) -> RowRate:
    rate = RowRate()
    for rows, products in seen:
        rate.saw(rows, products)
    return rate


@settings(max_examples=50)
@given(_IMAGES, _SEEN, st.integers(1, 50), st.randoms(use_true_random=False))
def test_the_best_row_of_as_many_products_as_there_are(images, seen, limit, random) -> None:  # type: ignore[no-untyped-def]
    ids = [f"p{number}" for number, count in enumerate(images) for _ in range(count)]
    random.shuffle(ids)
    catalog = Catalog([(id, 1 - place / len(ids)) for place, id in enumerate(ids)])
    found, complete = best_of_each(catalog.find, "", limit, rate_after(seen))
    expected = catalog.best()
    first = sorted(found.values(), key=lambda hit: -hit.score)[:limit]
    assert first == list(expected.values())[:limit]
    assert len(found) == len(expected) or not complete


def test_products_with_one_image_are_read_once_each_after_the_first_search() -> None:
    catalog, rate = Catalog([(f"p{number}", -number) for number in range(300)]), RowRate()
    for _ in range(2):
        best_of_each(catalog.find, "", 100, rate)
    assert catalog.asked == [250, 100]


def test_products_with_several_images_take_one_search_after_the_first() -> None:
    rows = [(f"p{number % 300}", -number / 900) for number in range(900)]
    catalog, rate = Catalog(sorted(rows, key=lambda row: (int(row[0][1:]) // 20, -row[1]))), RowRate()
    best_of_each(catalog.find, "", 100, rate)
    before = len(catalog.asked)
    best_of_each(catalog.find, "", 100, rate)
    assert len(catalog.asked) == before + 1


def test_one_product_with_many_images_is_not_learned_as_the_rule() -> None:
    rate = rate_after([(100, 100)])
    rate.saw(400, 1)
    assert rate.rows_for(100) < 600
    for _ in range(20):
        rate.saw(100, 100)
    assert rate.rows_for(100) <= 102
