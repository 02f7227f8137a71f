"""Groups: one product stands for the others, and none is lost."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import InvalidValue
from service.search.grouping import check_group, group
from service.search.retrieval_types import GroupOptions
from service.stores.store import Hit
from tests.integration.records import record

_VALUES = st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from([1.0, "", "a", "b", ["a"]])


def hits(*values: Any) -> list[Hit]:
    attributes = [{} if value is None else {"style": value} for value in values]
    return [record(f"p{n}", attributes=one).found(1 - n / 100) for n, one in enumerate(attributes)]


@given(st.lists(_VALUES, max_size=20))
def test_shown_and_inside_together_are_all_and_each_once(values: list[Any]) -> None:
    found = group(hits(*values), GroupOptions("style", size=50))
    shown = [hit.product_id for hit in found.hits]
    inside = [member.product.id for one in found.groups.values() for member in one.members]
    assert sorted(shown + inside) == sorted(f"p{n}" for n in range(len(values)))
    assert shown == sorted(shown, key=lambda id: int(id[1:])), "in their order"
    for id, one in found.groups.items():
        assert id in shown and one.count == 1 + len(one.members)
        assert all(int(member.product.id[1:]) > int(id[1:]) for member in one.members), "the first one stands for it"


def test_equal_numbers_are_one_group_and_true_is_another() -> None:
    found = group(hits(1, 1.0, True, "1", None, "", ["1"]), GroupOptions("attributes.style"))
    assert [hit.product_id for hit in found.hits] == ["p0", "p2", "p3", "p4", "p5", "p6"]
    assert {id: one.count for id, one in found.groups.items()} == {"p0": 2, "p2": 1, "p3": 1}


def test_a_group_counts_all_and_shows_some() -> None:
    one = group(hits(*"aaaa"), GroupOptions("style", size=2)).groups["p0"]
    assert (one.value, one.count, [member.product.id for member in one.members]) == ("a", 4, ["p1", "p2"])
    assert [member.score for member in one.members] == [0.99, 0.98]


@pytest.mark.parametrize("field", ["id", "title", "price", "updated_at", "attributes.", 'a"b'])
def test_fields_that_make_no_groups_are_refused(field: str) -> None:
    with pytest.raises(InvalidValue):
        check_group(GroupOptions(field))
