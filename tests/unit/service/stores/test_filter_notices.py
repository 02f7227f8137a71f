"""What is said of a filter that finds nothing."""

from __future__ import annotations

from typing import Any

import pytest

from service.stores.exact.exact_store import ExactStore
from service.stores.filter_notices import MAX_NOTICES, filter_notices
from service.stores.filters import parse_filter
from tests.integration.records import INFO, record, unit

TYPES = {
    "in_stock": "true",
    "size": "L|M|XL",
    "weight": 3,
    "new": False,
    "tags": ["a"],
}


def notices(data: dict[str, Any]) -> list[str]:
    store = ExactStore()
    store.ensure(INFO)
    store.upsert([record("p", attributes=TYPES), record("q", attributes={})])
    return list(filter_notices(store, unit(0), parse_filter(data)))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"attributes.in_stock": {"eq": True}}, "'in_stock' is a text, and is compared with true or false"),
        ({"attributes.size": {"contains": "XL"}}, "'size' is a text, and is compared with a list"),
        ({"attributes.weight": {"in": ["3", "4"]}}, "'weight' is a number, and is compared with a text"),
        ({"attributes.tags": {"eq": "a"}}, "'tags' is a list, and is compared with a text"),
        ({"not": {"or": [{"attributes.new": {"gt": 0}}]}}, "'new' is true or false, and is compared with a number"),
        ({"attributes.wieght": {"gt": 1}}, "no product has the attribute 'wieght'"),
        ({"attributes.nothing": {"exists": True}}, "no product has the attribute 'nothing'"),
    ],
    ids=str,
)
def test_what_never_matches_is_said(data: dict[str, Any], said: str) -> None:
    [notice] = notices(data)
    assert said in notice


@pytest.mark.parametrize(
    "data",
    [
        {"attributes.weight": {"gt": 100}},
        {"attributes.size": {"in": ["S", 3]}},
        {"attributes.tags": {"contains": 3}},
        {"attributes.new": {"exists": False}},
        {"category": {"eq": "none"}, "price": {"lt": 0}},
    ],
    ids=str,
)
def test_what_could_match_is_not(data: dict[str, Any]) -> None:
    assert notices(data) == []


def test_a_filter_of_many_attributes_is_not_gone_through() -> None:
    assert len(notices({"attributes": {f"a{number}": {"eq": 1} for number in range(50)}})) == MAX_NOTICES
