"""One line of a feed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.catalog.column_names import column_name
from service.catalog.rows import FeedRow, Reject, parse_line


def parsed(fields: dict[str, Any], *, numbered: bool = False) -> FeedRow | Reject:
    named = {column_name(name): value for name, value in fields.items()}
    return parse_line(2, named, id_of_image=True, numbered=numbered)


def good(fields: dict[str, Any], *, numbered: bool = False) -> FeedRow:
    line = parsed(fields, numbered=numbered)
    assert isinstance(line, FeedRow), line
    return line


def reason(fields: dict[str, Any]) -> str:
    line = parsed(fields)
    assert isinstance(line, Reject), line
    return line.reason


def test_a_line_of_texts() -> None:
    fields = {"id": "1", "title": " A mug ", "category": "", "price": 12.5, "image": " a.png", "colour": "red"}
    line = good(fields)
    assert (line.line, line.images) == (2, ("a.png",))
    product = line.product
    assert (product.id, product.title, product.category, product.price) == ("1", "A mug", None, 12.5)
    assert product.attributes == {"colour": "red"}


def test_known_columns_in_any_case_and_odd_names() -> None:
    line = good({"ID": "1", " Image ": "a.png", 'Size [cm] "x"': "1.5", "Cafe\u0301": "x"})
    assert line.product.attributes == {"Size (cm) 'x'": "1.5", "Caf\u00e9": "x"}


def test_json_values_keep_their_types() -> None:
    fields = {"id": 7, "image": "a", "price": 3, "attributes": {"n": "38", "tags": ["a", 1], "new": True}, "x": None}
    product = good(fields).product
    assert (product.id, product.price) == ("7", 3.0)
    assert product.attributes == {"n": "38", "tags": ["a", 1], "new": True}


def test_without_an_id_the_image_names_the_product() -> None:
    assert good({"image": "mugs/cafe\u0301.png"}).product.id == "mugs:caf\u00e9.png"
    assert good({"image": ["a.png", "b.png"]}).product.id == "a.png"
    assert good({"image": {"bytes": b"x", "path": "a.png"}}, numbered=True).product.id == "row-2"
    assert "id is missing" in reason({"id": "", "image": "a.png"})
    assert "id is missing" in reason({"image": "data:image/png;base64,AA"})


def test_a_line_may_have_fields_alone_and_an_image_that_is_none_is_told_apart() -> None:
    assert good({"id": "1", "title": "A mug"}).images == ()
    assert good({"id": "1", "image": ["a.png", 3, ""]}).images == ("a.png", None, None)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"title": "x"}, "image column"),
        ({"id": "1", "image": 3}, "image column"),
        ({"id": "1", "image": "x" * 1001}, "image column"),
        ({"id": "1", "image": ["a"] * 101}, "1 to 100"),
        ({"id": "a\nb", "image": "a"}, "the id"),
        ({"id": True, "image": "a"}, "the id"),
        ({"image": "a", "title": "x" * 1001}, "the title"),
        ({"image": "a", "title": ["x"]}, "the title"),
        ({"image": "a", "title": "\ud800"}, "the title"),
        ({"image": "a", "category": "x" * 201}, "the category"),
        ({"image": "a", "price": "12.50"}, "the price"),
        ({"image": "a", "price": -1}, "the price"),
        ({"image": "a", "price": True}, "the price"),
        ({"image": "a", "price": float("inf")}, "the price"),
        ({"image": "a", "attributes": 3}, "attributes must be"),
        ({"image": "a", "x": {"y": 1}}, "an attribute is"),
        ({"image": "a", "x\n": 1, "b\x01c": 1}, "attribute's name"),
        ({"image": "a", "x": 1, "attributes": {"x": 2}}, "both a column and in attributes"),
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
def test_any_object_gives_a_line_or_a_reject(fields: dict[str, Any]) -> None:
    assert isinstance(parsed(fields), FeedRow | Reject)
