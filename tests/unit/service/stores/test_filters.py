"""The filter compiler: meaning, quoting, and the words of its errors."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import FilterError
from service.product import is_storable_text
from service.stores.filters import MAX_NUMBER, Filter, parse_filter
from service.stores.milvus.filter_compiler import any_of, compile_filter, literal, quote

STORABLE = st.text(max_size=60).filter(is_storable_text)
HOSTILE = st.lists(
    st.sampled_from(['"', "'", "\\", "\n", "\r", "\t", " or ", "==", "1", "]", ")", "é", "\u2028"]), max_size=20
)
STRING = re.compile(r'"((?:[^"\\\n\r]|\\["\\nrt])*)"')
UNESCAPES = {'\\"': '"', "\\\\": "\\", "\\n": "\n", "\\r": "\r", "\\t": "\t"}


def unquoted(body: str) -> str:
    return re.sub(r"\\.", lambda found: UNESCAPES[found.group()], body)


@pytest.mark.parametrize(
    ("data", "expression"),
    [
        ({}, ""),
        ({"category": {"eq": "mug"}}, 'category == "mug"'),
        ({"category": {"ne": "mug"}}, 'category != "mug"'),
        ({"category": {"eq": None}}, 'category == ""'),
        ({"id": {"in": ["a", "b"]}}, 'product_id in ["a", "b"]'),
        ({"price": {"lte": 30}}, "(price >= 0 and price <= 30)"),
        ({"price": {"gte": 1.5, "lt": 3}}, "((price >= 0 and price < 3) and (price >= 0 and price >= 1.5))"),
        ({"price": {"eq": None}}, "price < 0"),
        ({"price": {"ne": None}}, "price >= 0"),
        ({"price": {"in": [1, 2]}}, "(price >= 0 and (price == 1 or price == 2))"),
        ({"attributes": {"colour": {"eq": "red"}}}, 'attributes["colour"] == "red"'),
        ({"attributes.colour": {"eq": "red"}}, 'attributes["colour"] == "red"'),
        ({"attributes": {"new": {"eq": True}}}, 'attributes["new"]["b"] == "t"'),
        ({"attributes": {"size": {"in": [1, "XL"]}}}, '(attributes["size"] == 1 or attributes["size"] == "XL")'),
        (
            {"attributes": {"tags": {"contains": "a"}}},
            '(json_contains_any(attributes["tags"], ["a"]) or json_contains_any(attributes["tags"]["l"], ["a"]))',
        ),
        ({"attributes": {"tags": {"contains": True}}}, 'json_contains_any(attributes["tags"]["b"], ["t"])'),
        ({"attributes": {"size": {"ne": None}}}, '(exists attributes["size"])'),
        ({"attributes": {"size": {"exists": True}}}, '(exists attributes["size"])'),
        ({"attributes": {"size": {"exists": False}}}, 'not (exists attributes["size"])'),
        ({"price": {"exists": True}}, "price >= 0"),
        ({"not": {"price": {"exists": True}}}, "price < 0"),
        ({"category": {"exists": False}}, 'category == ""'),
        ({"price": {"exists": True, "lt": 3}}, "(price >= 0 and (price >= 0 and price < 3))"),
        ({"not": {"category": {"eq": "mug"}}}, 'category != "mug"'),
        ({"not": {"category": {"in": ["mug"]}}}, 'not (category in ["mug"])'),
        ({"not": {"price": {"lt": 3}}}, "(price < 0 or not (price < 3))"),
        ({"not": {"attributes": {"size": {"lt": 3}}}}, '(not (exists attributes["size"]) or attributes["size"] >= 3)'),
        ({"not": {"not": {"title": {"eq": "x"}}}}, 'title == "x"'),
        ({"or": [{"id": {"eq": "a"}}, {"title": {"eq": "b"}}]}, '(product_id == "a" or title == "b")'),
        ({"not": {"or": [{"id": {"eq": "a"}}, {"title": {"eq": "b"}}]}}, '(product_id != "a" and title != "b")'),
        ({"not": {"and": [{"id": {"eq": "a"}}, {"title": {"eq": "b"}}]}}, '(product_id != "a" or title != "b")'),
        ({"id": {"eq": "a"}, "and": [{"title": {"eq": "b"}}]}, '(product_id == "a" and title == "b")'),
    ],
)
def test_meaning(data: dict[str, Any], expression: str) -> None:
    assert compile_filter(parse_filter(data)) == expression


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("category == 1", "filter: "),
        ([], "filter: "),
        ({"colour": {"eq": "red"}}, "filter.colour is not known.*attributes.<name>"),
        ({"category": "mug"}, "filter.category: "),
        ({"category": {}}, "at least one operator"),
        ({"category": {"like": "m%"}}, "filter.category.like is not known"),
        ({"category": {"eq": 3}}, "filter.category.eq: .*string"),
        ({"category": {"lt": "b"}}, "filter.category.lt is not known"),
        ({"category": {"in": []}}, "filter.category.in: "),
        ({"category": {"in": None}}, "null is allowed with eq and ne only"),
        ({"category": {"exists": None}}, "null is allowed with eq and ne only"),
        ({"category": {"exists": 1}}, "filter.category.exists"),
        ({"category": {"eq": "\0"}}, "not valid Unicode"),
        ({"category": {"eq": "\ud800"}}, "filter.category.eq: "),
        ({"category": {"eq": "x" * 1001}}, "1000"),
        ({"price": {"lt": "3"}}, "filter.price.lt"),
        ({"price": {"lt": True}}, "filter.price.lt"),
        ({"price": {"lt": float("nan")}}, "finite"),
        ({"price": {"lt": 2**70}}, "filter.price.lt: Input should be less than or equal to 9007199254740991"),
        ({"price": {"in": [10**309]}}, "less than or equal"),
        ({"price": {"lt": 10**309}}, "less than or equal"),
        (
            {"attributes": {"a": {"contains": -(10**4000)}}},
            "filter.attributes.a.contains: .*greater than or equal to -",
        ),
        ({"attributes": {"a": {"eq": MAX_NUMBER + 1}}}, "less than or equal"),
        ({"attributes": {"a": {"gt": 1e16}}}, "less than or equal"),
        ({"attributes": {'a"] == 1 or exists attributes["b': {"eq": 1}}}, "without double quotes"),
        ({"attributes": {"a": {"eq": {"b": 1}}}}, "filter.attributes.a.eq"),
        ({"attributes": {"a": {"eq": 1}}, "attributes.a": {"eq": 2}}, "named twice"),
        ({"and": []}, "filter.and: "),
        ({"and": [{}]}, "part of the filter is empty"),
        ({"not": {}}, "part of the filter is empty"),
        ({"attributes": {}}, "part of the filter is empty"),
        ({"or": [{"id": {"in": ["x"] * 200}}, {"id": {"in": ["y"] * 100}}]}, "more than 256 conditions"),
    ],
)
def test_errors_name_the_place(data: object, words: str) -> None:
    with pytest.raises(FilterError, match=words):
        parse_filter(data)


@pytest.mark.parametrize("depth", [13, 100, 900])
def test_deep_nesting_is_refused(depth: int) -> None:
    data: dict[str, Any] = {"id": {"eq": "a"}}
    for _ in range(depth):
        data = {"not": data}
    with pytest.raises(FilterError):
        parse_filter(data)


@given(STORABLE | HOSTILE.map("".join))
def test_no_text_escapes_its_quotes(text: str) -> None:
    literal_text = quote(text)
    found = STRING.fullmatch(literal_text)
    assert found is not None and unquoted(found.group(1)) == text


@given(st.lists(STORABLE | HOSTILE.map("".join), min_size=1, max_size=5), STORABLE)
def test_an_expression_is_its_skeleton_and_nothing_else(values: list[str], attribute: str) -> None:
    data = {"category": {"in": values}, "attributes": {"a": {"eq": attribute, "contains": attribute}}}
    skeleton = STRING.sub("S", compile_filter(parse_filter(data)))
    listed = ", ".join(["S"] * len(values))
    held = "(json_contains_any(attributes[S], [S]) or json_contains_any(attributes[S][S], [S]))"
    assert skeleton == f"(category in [{listed}] and attributes[S] == S and {held})"


@given(st.text(max_size=30))
def test_attribute_names_are_quoted_or_refused(name: str) -> None:
    try:
        expression = compile_filter(parse_filter({"attributes": {name: {"eq": 1}}}))
    except FilterError:
        return
    assert STRING.sub("S", expression) == "attributes[S] == 1"


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    ["id", "category", "price", "attributes", "and", "or", "not", "eq", "in", "lt", "attributes.x"]
                )
                | st.text(),
                inner,
            )
        ),
    )
)
def test_any_json_gives_a_filter_or_a_filter_error(data: object) -> None:
    try:
        assert isinstance(compile_filter(parse_filter(data)), str)
    except FilterError as error:
        assert error.detail.endswith(".")


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**62), 2**62))
def test_numbers_read_back(value: float) -> None:
    assert json.loads(literal(value)) == value


def test_booleans_are_not_numbers() -> None:
    assert (literal(True), literal(False), literal(1)) == ("true", "false", "1")


def test_lists_of_texts() -> None:
    assert any_of("id", ['a"b', "c"]) == 'id in ["a\\"b", "c"]'


def test_the_schema_shows_the_outside_names() -> None:
    properties = Filter.model_json_schema()["$defs"]["Filter"]["properties"]
    assert {"and", "or", "not", "category", "price", "attributes"} <= properties.keys()


def test_texts_are_compared_in_unicodes_form_c_and_ids_as_they_are() -> None:
    apart, together = "e\u0301", "\u00e9"
    given = {"title": {"in": [apart]}, "attributes": {apart: {"eq": apart}}}
    assert (
        compile_filter(parse_filter(given)) == f'(title in ["{together}"] and attributes["{together}"] == "{together}")'
    )
    assert compile_filter(parse_filter({"id": {"eq": apart}})) == f'product_id == "{apart}"'
