"""One line of a feed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.catalog.rows import FeedRow, Reject, make_row


def good(fields: dict[str, Any], *, typed: bool = True) -> FeedRow:
    row = make_row(2, fields, typed=typed)
    assert isinstance(row, FeedRow), row
    return row


def reason(fields: dict[str, Any]) -> str:
    row = make_row(2, fields, typed=True)
    assert isinstance(row, Reject), row
    return row.reason


def test_csv_values() -> None:
    fields = {
        "id": "1",
        "title": " A mug ",
        "category": "",
        "price": "12.50",
        "image": "a.png",
        "colour": "red",
        "size": "38",
    }
    row = good(fields, typed=False)
    assert row == FeedRow(2, "1", "A mug", None, 12.5, {"colour": "red", "size": 38}, "a.png")


def test_known_columns_in_any_case_and_odd_names() -> None:
    row = good({"ID": "1", " Image ": "a.png", 'Size [cm] "x"': "1.5", "Code": "007"}, typed=False)
    assert row.attributes == {"Size (cm) 'x'": 1.5, "Code": "007"}


def test_json_values_keep_their_types() -> None:
    row = good({"id": 7, "image": "a", "price": 3, "attributes": {"n": "38", "tags": ["a", 1], "new": True}, "x": None})
    assert (row.id, row.price, row.attributes) == ("7", 3.0, {"n": "38", "tags": ["a", 1], "new": True})


def test_without_an_id_the_picture_names_the_product() -> None:
    assert good({"image": "mugs/red.png"}).id == "mugs:red.png"
    assert "id is missing" in reason({"id": "", "image": "a.png"})


@pytest.mark.parametrize("text", ["1e5", "007", "-0", "+3", "1.", ".5", "1_000", "٣", "inf", "0x10", "38/40", "9" * 16])
def test_what_is_no_plain_number_stays_text(text: str) -> None:
    value = good({"image": "a", "code": text}, typed=False).attributes["code"]
    assert value == (text if text != "-0" else 0)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"id": "1"}, "image column"),
        ({"id": "1", "image": ""}, "image column"),
        ({"id": "1", "image": 3}, "image column"),
        ({"id": "1", "image": "x" * 1001}, "image column"),
        ({"id": "a\nb", "image": "a"}, "the id"),
        ({"id": True, "image": "a"}, "the id"),
        ({"image": "a", "title": "x" * 1001}, "the title"),
        ({"image": "a", "title": ["x"]}, "the title"),
        ({"image": "a", "title": "\ud800"}, "the title"),
        ({"image": "a", "category": "x" * 201}, "the category"),
        ({"image": "a", "price": "€3"}, "the price"),
        ({"image": "a", "price": -1}, "the price"),
        ({"image": "a", "price": True}, "the price"),
        ({"image": "a", "price": float("inf")}, "the price"),
        ({"image": "a", "attributes": 3}, "attributes must be"),
        ({"image": "a", "x": {"y": 1}}, "an attribute is"),
        ({"image": "a", "x\n": 1, "b\x01c": 1}, "attribute's name"),
    ],
)
def test_reasons(fields: dict[str, Any], words: str) -> None:
    assert words in reason(fields)


@given(
    st.dictionaries(
        st.sampled_from(["id", "image", "price", "attributes", "title"]) | st.text(),
        st.none() | st.text() | st.integers() | st.floats() | st.lists(st.text()),
    )
)
def test_any_object_gives_a_row_or_a_reject(fields: dict[str, Any]) -> None:
    assert isinstance(make_row(1, fields, typed=True), FeedRow | Reject)


@given(st.dictionaries(st.sampled_from(["id", "image", "price"]) | st.text(), st.text()))
def test_any_csv_line_gives_a_row_or_a_reject(fields: dict[str, Any]) -> None:
    assert isinstance(make_row(1, fields, typed=False), FeedRow | Reject)
