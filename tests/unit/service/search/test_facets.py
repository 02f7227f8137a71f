"""Facet counts add up."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import InvalidValue
from service.product import Product
from service.search.facets import MAX_VALUES, check_facets, count_facets
from service.search.retrieval_types import FacetCount, FacetOptions
from tests.integration.records import record

_SCALARS = st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0, "red", "blue", ""])
_ATTRIBUTES = st.fixed_dictionaries({}, optional={"colour": _SCALARS, "tags": st.lists(_SCALARS, max_size=4)})


def product(category: str | None, attributes: dict[str, Any]) -> Product:
    return record("p", category=category, attributes=attributes).product


def fields(*names: str) -> list[FacetOptions]:
    return [FacetOptions(name) for name in names]


@given(st.lists(st.tuples(st.none() | st.sampled_from(["mug", "cap"]), _ATTRIBUTES), max_size=30))
def test_listed_other_and_missing_are_all_products(rows: list[tuple[str | None, dict[str, Any]]]) -> None:
    facets = count_facets([product(*row) for row in rows], fields("category", "colour", "tags", "nothing"))
    for name in ("category", "colour", "nothing"):
        facet = facets[name]
        assert sum(found.count for found in facet.values) + facet.other + facet.missing == len(rows)
    tags = facets["tags"]
    assert tags.missing == sum(not attributes.get("tags") for _, attributes in rows)
    assert all(found.count <= len(rows) - tags.missing for found in tags.values)
    for facet in facets.values():
        counts = [found.count for found in facet.values]
        assert counts == sorted(counts, reverse=True) and 0 not in counts


def test_true_is_not_one_but_one_is_one() -> None:
    found = count_facets([product(None, {"x": value}) for value in (True, 1, 1.0, "1")], fields("x"))["x"]
    assert sorted(count.count for count in found.values) == [1, 1, 2]


def test_a_list_counts_each_of_its_values_once() -> None:
    found = count_facets([product(None, {"tags": ["a", "b", "a"]}), product(None, {"tags": ["a"]})], fields("tags"))[
        "tags"
    ]
    assert found.values == (FacetCount("a", 2), FacetCount("b", 1))


def test_values_beyond_the_bound_are_other() -> None:
    products = [product(f"category {number:03}", {}) for number in range(MAX_VALUES + 7)]
    found = count_facets(products, fields("category"))["category"]
    assert (len(found.values), found.other) == (MAX_VALUES, 7)


def test_an_attribute_may_have_the_name_of_a_field() -> None:
    products = [product("mug", {"category": "mine", "price": 3})]
    facets = count_facets(products, fields("category", "attributes.category", "attributes.price"))
    assert [facet.values[0].value for facet in facets.values()] == ["mug", "mine", 3]


@pytest.mark.parametrize(
    "names", [["updated_at"], ["title"], ["colour", "id"], ['a"b'], [""], ["attributes."], [f"x{n}" for n in range(17)]]
)
def test_what_cannot_be_counted_is_refused(names: list[str]) -> None:
    with pytest.raises(InvalidValue):
        check_facets(fields(*names))


def test_usual_names_pass() -> None:
    check_facets(fields("category", "colour", "price", "attributes.price", "größe"))
