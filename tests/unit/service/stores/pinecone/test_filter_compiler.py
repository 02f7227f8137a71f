"""Filters in Pinecone's language mean what they mean everywhere."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import FilterError
from service.stores.filter_evaluation import matches
from service.stores.filters import MAX_FILTER_DEPTH, Filter, parse_filter
from service.stores.pinecone.filter_compiler import attribute_fields, tagged, to_pinecone
from service.stores.pinecone.rows import from_vector_id, to_hit, to_record, to_vector, to_vector_id
from tests.integration.pinecone_server import check_metadata, holds
from tests.integration.records import content_of, record

_EXACT = 2**53 - 1
_NUMBERS = st.integers(-_EXACT, _EXACT) | st.floats(-1e9, 1e9) | st.sampled_from([0, -0.0, 3, 3.0, 3.5])
_TEXTS = st.sampled_from(["", "red", "mug", "cap", "3", "True", "list", "x" * 80, "number 3", "é🐆"])
_SCALARS = _NUMBERS | _TEXTS | st.booleans()
_NAMES = st.sampled_from(["colour", "size", "$ne"])
_ROWS = st.builds(
    lambda id, title, category, price, attributes: record(
        id, title=title, category=category, price=price, attributes=attributes
    ),
    st.sampled_from(["a", "b"]),
    _TEXTS,
    st.none() | _TEXTS.filter(bool),
    st.none() | st.floats(0, 1e6) | st.sampled_from([0.0, 3.0, 3.5]),
    st.dictionaries(_NAMES, _SCALARS | st.lists(_SCALARS, max_size=3)),
)


def _operators(equal: st.SearchStrategy[Any], ordered: st.SearchStrategy[Any] | None) -> st.SearchStrategy[Any]:
    options = {"eq": st.none() | equal, "ne": st.none() | equal, "in": st.lists(equal, min_size=1, max_size=3)}
    options["exists"] = st.booleans()
    if ordered is not None:
        options |= dict.fromkeys(("lt", "lte", "gt", "gte"), ordered)
    return st.dictionaries(st.sampled_from(sorted(options)), st.none(), min_size=1, max_size=2).flatmap(
        lambda names: st.fixed_dictionaries({name: options[name] for name in names})
    )


_IDS = st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cs"]), min_size=1, max_size=40)
_CONTAINS = _SCALARS.map(lambda value: {"contains": value})
_LEAVES = st.one_of(
    _operators(st.sampled_from(["a", "b", "c"]), None).map(lambda c: {"id": c}),
    _operators(_TEXTS, None).map(lambda c: {"title": c}),
    _operators(_TEXTS, None).map(lambda c: {"category": c}),
    _operators(_NUMBERS, _NUMBERS).map(lambda c: {"price": c}),
    st.tuples(_NAMES, _operators(_SCALARS, _NUMBERS) | _CONTAINS).map(lambda pair: {"attributes": dict([pair])}),
)
_FILTERS = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        inner.map(lambda one: {"not": one}),
        st.lists(inner, min_size=1, max_size=3).map(lambda many: {"and": many}),
        st.lists(inner, min_size=1, max_size=3).map(lambda many: {"or": many}),
    ),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None)
@given(_FILTERS, st.lists(_ROWS, min_size=1, max_size=5))
def test_a_filter_means_the_same_whatever_a_missing_field_does(data: dict[str, Any], rows: list[Any]) -> None:
    wanted = parse_filter(data)
    condition = to_pinecone(wanted)
    assert condition is not None
    for row in rows:
        metadata = to_vector(row)["metadata"]
        check_metadata(metadata)
        for unequal in (True, False):
            assert holds(condition, metadata, missing_is_unequal=unequal) == matches(wanted, row.product)


@given(_SCALARS, _SCALARS)
def test_tags_are_equal_where_values_are(one: Any, other: Any) -> None:
    same = isinstance(one, bool) == isinstance(other, bool) and one == other
    assert (tagged(one) == tagged(other)) == same


@given(_ROWS)
def test_rows_come_back_as_they_were(row: Any) -> None:
    sent = to_vector(row)
    found = to_record(sent["id"], sent["values"], sent["metadata"])
    assert content_of(found) == content_of(row) and found.updated_at == row.updated_at
    assert to_hit(sent["id"], 1.0000001, sent["metadata"]).score == 1.0


@given(_IDS, _IDS)
def test_ids_keep_their_order_in_ascii(one: str, other: str) -> None:
    assert to_vector_id(one).isascii() and from_vector_id(to_vector_id(one)) == one
    assert (one < other) == (to_vector_id(one) < to_vector_id(other)) or one == other


@pytest.mark.parametrize("operator", ["lt", "lte", "gt", "gte"])
def test_texts_have_no_order_there(operator: str) -> None:
    for data in ({"attributes": {"size": {operator: "XL"}}}, {"not": {"attributes": {"size": {operator: "XL"}}}}):
        with pytest.raises(FilterError, match="only by eq"):
            to_pinecone(parse_filter(data))


def test_limits_hold_here_too() -> None:
    deep: dict[str, Any] = {"category": {"eq": "mug"}}
    for _ in range(MAX_FILTER_DEPTH + 1):
        deep = {"not": deep}
    with pytest.raises(FilterError):
        to_pinecone(Filter.model_validate(deep))
    assert to_pinecone(Filter()) is None and attribute_fields({}) == {}
