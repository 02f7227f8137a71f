"""Sorting: complete, stable, and with the products that have no number at the end."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import InvalidValue
from service.search.retrieval_types import SortKey
from service.search.sorting import check_sort, sort_hits, sort_notices
from service.stores.store import Hit
from tests.integration.records import record


def hit(id: str, price: float | None = None, updated_at: int = 1, **attributes: Any) -> Hit:
    return record(id, price=price, updated_at=updated_at, attributes=attributes).found(0.5)


def order(hits: list[Hit], *keys: SortKey) -> str:
    return "".join(found.product_id for found in sort_hits(hits, keys))


_VALUES = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, "red", "2026-11-01", [1, 2]])


@given(st.lists(st.tuples(st.none() | st.integers(0, 3), _VALUES), max_size=20), st.booleans(), st.booleans())
def test_nothing_is_lost_and_equal_products_keep_their_order(
    rows: list[tuple[int | None, Any]], descending: bool, second: bool
) -> None:
    hits = [
        hit(str(place), price, **({} if value is None else {"x": value})) for place, (price, value) in enumerate(rows)
    ]
    found = sort_hits(hits, [SortKey("price", descending), SortKey("x", second)])
    assert sorted(map(id, found)) == sorted(map(id, hits))
    priced = [one for one in found if one.product.price is not None]
    assert found[: len(priced)] == priced, "those without a price are last"
    prices = [one.product.price or 0.0 for one in priced]
    assert prices == sorted(prices, reverse=descending)
    by_one = sort_hits(hits, [SortKey("price", descending)])
    for price in {one.product.price for one in hits}:
        same = [int(one.product_id) for one in by_one if one.product.price == price]
        assert same == sorted(same)


def test_products_without_a_number_are_last_in_both_directions() -> None:
    hits = [hit("a"), hit("b", 2), hit("c", 1), hit("d")]
    assert order(hits, SortKey("price")) == "cbad"
    assert order(hits, SortKey("price", descending=True)) == "bcad"


def test_dates_numbers_and_the_time_of_the_last_write_sort() -> None:
    hits = [
        hit("a", updated_at=3, released="2026-11-01", weight=2),
        hit("b", updated_at=1, released="2026-10-31T23:00:00-08:00", weight=1.5),
        hit("c", updated_at=2, released="soon", weight=True),
    ]
    assert order(hits, SortKey("updated_at", descending=True)) == "acb"
    assert order(hits, SortKey("released")) == "abc"
    assert order(hits, SortKey("attributes.weight")) == "bac"


def test_the_second_key_orders_what_the_first_leaves_equal() -> None:
    hits = [hit("a", 5, size=1), hit("b", 5, size=2), hit("c", 4, size=1)]
    assert order(hits, SortKey("price"), SortKey("size", descending=True)) == "cba"


def test_large_integers_are_compared_exactly() -> None:
    assert order([hit("a", n=2**53 + 1), hit("b", n=2**53)], SortKey("n")) == "ba"


@pytest.mark.parametrize("field", ["title", "id", "category", 'a"b', "attributes.", ""])
def test_what_sorts_nothing_is_refused(field: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        check_sort([SortKey("price"), SortKey(field)])
    assert caught.value.extensions["errors"] == [{"pointer": "/sort/1/field", "detail": caught.value.detail}]


def test_a_field_without_numbers_is_named() -> None:
    keys = [SortKey("price"), SortKey("brand"), SortKey("brand")]
    (notice,) = sort_notices([hit("a", 1, brand="x")], keys)
    assert "brand" in notice
    assert sort_notices([], keys) == ()
