"""Conditions on attributes are decided by columns as `filter_evaluation` does, after all writes and deletions."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest

from service.product import AttributeValue, Product
from service.stores.filter_evaluation import compares, matches
from service.stores.filters import parse_filter
from service.stores.milvus import attribute_columns
from service.stores.milvus.attribute_columns import MOST_COLUMNS, AttributeColumns, columns_of, filter_columns

VALUES: list[AttributeValue | None] = [None, True, 1, 1.5, -2, "1", "red", [], [True, 1], ["red"], False, 0]
CONDITIONS = [
    *(("eq", value) for value in (None, True, 1, "red", 0)),
    *(("gt", 0), ("lte", "red"), ("in", [1, "red"]), ("contains", 1), ("contains", True), ("ne", "red")),
]


def chosen(expression: str, keys: set[str]) -> set[str]:
    """The keys of which an expression holds."""
    listed = set(re.findall(r'"([^"]+)"', expression))
    return keys - listed if expression.startswith("not ") else keys & listed


def test_conditions_mean_what_filters_mean_after_every_change() -> None:
    dice, columns = random.Random(1), AttributeColumns()
    truth: dict[str, AttributeValue | None] = {}
    for step in range(60):
        key, value = f"k{dice.randrange(20)}", dice.choice(VALUES)
        if step % 4 == 3:
            truth.pop(key, None)
            columns.deleted([key])
        else:
            truth[key] = value
            columns.wrote([(key, {} if value is None else {"x": value})])
        if columns.missing(["x"]):
            columns.read(["x"], [(one, {} if had is None else {"x": had}) for one, had in truth.items()])
        for (operator, wanted), positive in ((one, positive) for one in CONDITIONS for positive in (True, False)):
            expected = {one for one, had in truth.items() if compares(had, operator, wanted, positive)}
            assert chosen(columns.test("x", operator, wanted, positive), set(truth)) == expected, (operator, wanted)


def test_columns_are_bounded_and_those_of_unknown_attributes_are_empty() -> None:
    columns = AttributeColumns()
    for number in range(MOST_COLUMNS + 2):
        columns.read([f"n{number}"], [("k", {"n0": 1})])
    assert columns.missing(["n0", "n1", "n2"]) == ["n0", "n1"]
    assert chosen(columns.test("n2", "eq", None, True), {"k"}) == {"k"}
    with pytest.raises(KeyError):
        columns.test("n0", "eq", 1, True)


def test_what_is_about_rows_and_values_that_are_gone_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attribute_columns, "_SLACK", 4)
    columns = AttributeColumns()
    columns.read(["stock"], [("k", {"stock": 0})])
    for stock in range(5):
        columns.wrote([("k", {"stock": stock})])
        assert not columns.missing(["stock"])
    columns.wrote([("k", {"stock": 6})])
    assert columns.missing(["stock"])


FILTERS = [
    {"category": {"eq": "mug"}, "attributes": {"x": {"ne": 1}}},
    {"or": [{"id": {"in": ["k1", "k2"]}}, {"not": {"price": {"gte": 2}}}]},
    {"title": {"eq": "b"}, "attributes": {"x": {"exists": False}}},
]


def test_products_pass_by_their_columns_as_they_do_by_themselves() -> None:
    dice, columns = random.Random(2), AttributeColumns()
    filters = [parse_filter(filter) for filter in FILTERS]
    truth: dict[str, Product] = {}
    columns.read({name for filter in filters for name in filter_columns(filter)}, [])
    for step in range(80):
        key, value = f"k{dice.randrange(12)}", dice.choice(VALUES)
        if step % 4 == 3:
            truth.pop(key, None)
            columns.deleted([key])
        else:
            kind, price = dice.choice(["mug", "hat", None]), dice.choice([None, 0.0, 1.0, 2.5])
            given: dict[str, Any] = {"title": dice.choice("ab"), "category": kind, "price": price, "image_key": ""}
            truth[key] = Product.model_construct(
                None, id=key, attributes={} if value is None else {"x": value}, **given
            )
            columns.wrote([(key, columns_of(truth[key]))])
        for filter in filters:
            assert not columns.missing(filter_columns(filter))
            expected = {key for key, product in truth.items() if matches(filter, product)}
            assert set(columns.passing({f"k{number}": f"k{number}" for number in range(12)}, filter)) == expected
