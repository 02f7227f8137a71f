"""Statistics and ranges: they add up, and a range counts what its bounds let through as a filter."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.product import Product
from service.search.facets import check_facets, count_facets
from service.search.number_facets import check_ranges
from service.search.retrieval_types import FacetOptions, FacetRange, FacetStats
from service.stores.filter_evaluation import matches
from service.stores.filters import MAX_NUMBER, parse_filter
from tests.integration.records import record

_NUMBERS = st.integers(-MAX_NUMBER, MAX_NUMBER) | st.floats(-1e15, 1e15) | st.integers(-3, 3)
_VALUES = _NUMBERS | st.none() | st.booleans() | st.sampled_from(["7", "x"])
_BOUNDS = st.lists(st.floats(-100, 100), min_size=1, max_size=6, unique=True).map(lambda found: tuple(sorted(found)))


def holding(*values: Any) -> list[Product]:
    return [record(f"p{n}", attributes={} if one is None else {"n": one}).product for n, one in enumerate(values)]


@given(st.lists(_VALUES, max_size=20), _BOUNDS | st.integers(1, 9))
def test_every_number_is_in_one_range_and_the_range_is_a_filter(
    values: list[Any], ranges: int | tuple[float, ...]
) -> None:
    products = holding(*values)
    facet = count_facets(products, [FacetOptions("n", ranges)])["n"]
    numbers = [one for one in values if isinstance(one, int | float) and not isinstance(one, bool)]
    assert (facet.stats.count if facet.stats else 0) == len(numbers)
    if facet.stats:
        assert facet.stats.min <= facet.stats.mean <= facet.stats.max
        assert sum(one.count for one in facet.ranges) == len(numbers)
    for one in facet.ranges:
        bounds = {"gte": one.gte, "lt": one.lt, "lte": one.lte}
        given = {name: bound for name, bound in bounds.items() if bound is not None}
        passing = parse_filter({"attributes": {"n": given}})
        assert sum(matches(passing, product) for product in products) == one.count


def test_the_price_of_a_shop() -> None:
    products = [record(f"p{n}", price=price).product for n, price in enumerate([5.0, 10.0, 19.5, 20.0, None])]
    found = count_facets(products, [FacetOptions("price", (10.0, 20.0))])["price"]
    assert found.stats == FacetStats(4, 5.0, 20.0, 13.625) and found.missing == 1
    assert found.ranges == (FacetRange(1, lt=10.0), FacetRange(2, gte=10.0, lt=20.0), FacetRange(1, gte=20.0))
    thirds = count_facets(products, [FacetOptions("price", 3)])["price"].ranges
    assert [(one.gte, one.lt, one.lte, one.count) for one in thirds] == [
        (5.0, 10.0, None, 1),
        (10.0, 15.0, None, 1),
        (15.0, None, 20.0, 2),
    ]


def test_without_numbers_equal_ranges_are_none_and_given_ones_are_empty() -> None:
    assert count_facets(holding("x", None), [FacetOptions("n", 4)])["n"].ranges == ()
    found = count_facets(holding("x", None), [FacetOptions("n", (1.0,))])["n"]
    assert [one.count for one in found.ranges] == [0, 0] and found.stats is None
    [only] = count_facets(holding(3, 3.0), [FacetOptions("n", 4)])["n"].ranges
    assert (only.gte, only.lte, only.count) == (3.0, 3.0, 2)


def test_a_list_counts_each_of_its_numbers() -> None:
    found = count_facets(holding([1, 5, 5], 9), [FacetOptions("n", (4.0,))])["n"]
    assert [one.count for one in found.ranges] == [1, 2] and found.stats == FacetStats(3, 1.0, 9.0, 5.0)


@pytest.mark.parametrize("ranges", [0, 51, (), (2.0, 1.0), (1.0, 1.0), tuple(map(float, range(51)))])
def test_ranges_that_are_none_are_refused(ranges: int | tuple[float, ...]) -> None:
    assert check_ranges(ranges)


def test_ranges_that_are_some_pass() -> None:
    check_facets([FacetOptions("price", 50), FacetOptions("n", (1.0, 2.0)), FacetOptions("category")])
