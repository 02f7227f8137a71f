"""Attributes in Milvus's JSON: what was given comes back, and no boolean equals a number."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from service.product import MAX_ATTRIBUTES, MAX_ATTRIBUTES_BYTES
from service.stores.milvus.attributes import MOST_ADDED, decode, encode

MILVUS_JSON_BYTES = 65_536
_SCALARS = st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=5)
_VALUES = _SCALARS | st.lists(_SCALARS, max_size=6)


def size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"))


@given(st.dictionaries(st.text(max_size=5), _VALUES, max_size=4))
def test_attributes_come_back_and_grow_by_little(attributes: dict[str, Any]) -> None:
    stored = encode(attributes)
    assert repr(decode(json.loads(json.dumps(stored)))) == repr(attributes)
    assert size(stored) <= size(attributes) + MOST_ADDED * len(attributes)


@given(_VALUES)
def test_only_booleans_are_written_otherwise(value: Any) -> None:
    holds_booleans = any(isinstance(item, bool) for item in (value if isinstance(value, list) else [value]))
    [stored] = encode({"x": value}).values()
    assert (stored is value) != holds_booleans
    assert decode({"x": value}) == {"x": value}  # a row of a collection of before


def test_the_longest_attributes_fit_into_a_json_field_of_a_server() -> None:
    assert MAX_ATTRIBUTES_BYTES + MAX_ATTRIBUTES * MOST_ADDED < MILVUS_JSON_BYTES
