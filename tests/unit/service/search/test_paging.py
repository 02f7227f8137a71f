"""Cursors: round trips, tampering, and pages that neither repeat nor skip."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import InvalidValue
from service.search.paging import Cursor, digest, pack, unpack
from service.stores.store import Hit
from service.wire.limits import MAX_CURSOR_CHARS
from tests.integration.records import record

QUERY = digest("a mug", 1)


def hits(*ids: str) -> list[Hit]:
    return [record(id).found(0.5) for id in ids]


_IDS = st.lists(st.text(min_size=1, max_size=5).filter(lambda id: id.isprintable()), unique=True, max_size=40)


@given(_IDS, st.integers(0, 1000))
def test_a_cursor_comes_back_as_it_was(ids: list[str], further: int) -> None:
    cursor = Cursor.after_first(hits(*ids)).moved(further)
    assert Cursor.from_text(cursor.to_text(QUERY), QUERY) == cursor


@given(_IDS, st.data())
def test_a_changed_cursor_is_refused(ids: list[str], data: st.DataObject) -> None:
    whole = bytearray(unpack(Cursor.after_first(hits(*ids)).to_text(QUERY)))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(InvalidValue):
        Cursor.from_text(pack(bytes(whole)), QUERY)
    with pytest.raises(InvalidValue):
        Cursor.from_text(pack(bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])), QUERY)


@given(st.text(max_size=80) | st.binary(max_size=80).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_any_text_is_a_cursor_or_a_clear_error(text: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        Cursor.from_text(text, QUERY)
    assert "leave it out" in caught.value.detail


def test_a_cursor_of_another_query_is_refused() -> None:
    text = Cursor.after_first(hits("a")).to_text(QUERY)
    with pytest.raises(InvalidValue, match="another search"):
        Cursor.from_text(text, digest("a mug", 2))
    with pytest.raises(InvalidValue, match="not a cursor"):
        Cursor.from_text("A" * (MAX_CURSOR_CHARS + 1), QUERY)


def test_digests_tell_values_from_each_other() -> None:
    assert len({digest("a", "b"), digest("ab", ""), digest("a", None), digest("a"), digest("a", "None")}) == 5
    assert digest("\ud800")  # lone surrogates come in from JSON


@given(_IDS, st.lists(st.integers(1, 7), min_size=1))
def test_pages_of_any_sizes_hold_all_products_once(ids: list[str], sizes: list[int]) -> None:
    window = hits(*ids)
    page = window[: sizes[0]]
    cursor, seen = Cursor.after_first(page), list(page)
    for turn in range(len(ids)):
        rest = cursor.rest(window)
        page = rest[: sizes[turn % len(sizes)]]
        seen += page
        cursor = Cursor.from_text(cursor.moved(len(page)).to_text(QUERY), QUERY)
    assert [hit.product_id for hit in seen] == ids


def test_what_an_inexact_index_showed_first_does_not_come_again() -> None:
    first = Cursor.after_first(hits("x", "b"))  # x is not in the window of later pages, and a was missed
    assert [hit.product_id for hit in first.rest(hits("a", "b", "c"))] == ["a", "c"]
    assert [hit.product_id for hit in first.moved(1).rest(hits("a", "b", "c"))] == ["c"]
