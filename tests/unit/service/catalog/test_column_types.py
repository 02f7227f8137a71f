"""The types of columns whose values are texts."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.catalog.column_types import ColumnTypes, Kind, as_kind, plain_number


def typed(*values: str, name: str = "x", kinds: dict[str, Kind] | None = None) -> list[Any]:
    """What becomes of a column of a CSV file."""
    types = ColumnTypes(textual=True, kinds=kinds or {})
    for value in values:
        types.see({name: value})
    return [types.convert({name: value})[name] for value in values]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["38", "0.5", "-3", "0"], [38, 0.5, -3, 0]),
        (["38", "1.10"], ["38", "1.10"]),
        (["1.100", "2"], ["1.100", "2"]),
        (["123456789012345.123456789", "1"], ["123456789012345.123456789", "1"]),
        (["4006381333931", "036000291452"], ["4006381333931", "036000291452"]),
        (["true", "FALSE"], [True, False]),
        (["true", "yes"], ["true", "yes"]),
        (["L|M|XL", "S"], [["L", "M", "XL"], ["S"]]),
        (["36|37.5", "40"], [[36, 37.5], [40]]),
        (["36|37", "L"], [["36", "37"], ["L"]]),
        (["L|M", "washable | warm"], ["L|M", "washable | warm"]),
        (["L|M", "x" * 65], ["L|M", "x" * 65]),
        (["|", "a|b"], ["|", "a|b"]),
    ],
)
def test_a_column_has_one_type_and_what_would_not_come_back_stays_text(values: list[str], expected: list[Any]) -> None:
    found = typed(*values)
    assert found == expected and [type(value) for value in found] == [type(value) for value in expected]


@pytest.mark.parametrize("name", ["gtin", "GTIN-13", "Variant SKU", "Variant Barcode", "ean_code", "mpn"])
def test_identifiers_are_texts_whatever_they_hold(name: str) -> None:
    assert typed("12345678", "4006381333931", name=name) == ["12345678", "4006381333931"]


def test_names_that_only_hold_the_letters_of_an_identifier_are_none() -> None:
    assert typed("3", name="skulls") == [3] and typed("3", name="oceans") == [3]


@pytest.mark.parametrize("text", ["1e5", "007", "-0", "+3", "1.", ".5", "1_000", "٣", "inf", "0x10", "38/40", "9" * 16])
def test_what_is_no_plain_number(text: str) -> None:
    assert plain_number(text) is None


@given(st.text(st.sampled_from("0123456789.-e+ ")) | st.floats().map(str) | st.integers().map(str))
def test_a_plain_number_is_written_back_as_it_stood(text: str) -> None:
    number = plain_number(text)
    assert number is None or str(number) == text


def test_a_type_that_was_asked_for_holds() -> None:
    kinds = {"x": Kind.NUMBER}
    assert typed("17.90", "3", kinds=kinds) == [17.9, 3]
    with pytest.raises(ValueError, match="'x' is no number"):
        typed("17.90", "cheap", kinds=kinds)
    assert typed("38", "40", kinds={"x": Kind.TEXT}) == ["38", "40"]
    assert typed("yes", "0", "True", kinds={"x": Kind.BOOLEAN}) == [True, False, True]
    assert typed("L | M", "S", kinds={"x": Kind.LIST}) == [["L", "M"], ["S"]]


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (38, Kind.TEXT, "38"),
        (True, Kind.TEXT, "true"),
        (38, Kind.LIST, [38]),
        (["a"], Kind.LIST, ["a"]),
        ("38", Kind.NUMBER, 38),
        (1, Kind.BOOLEAN, True),
    ],
)
def test_typed_values_as_another_type(value: Any, kind: Kind, expected: Any) -> None:
    assert as_kind("x", value, kind) == expected


@pytest.mark.parametrize(("value", "kind"), [(["a"], Kind.TEXT), (True, Kind.NUMBER), ("maybe", Kind.BOOLEAN)])
def test_what_cannot_be_another_type(value: Any, kind: Kind) -> None:
    with pytest.raises(ValueError, match="--type"):
        as_kind("x", value, kind)


def test_types_of_a_feed_that_has_its_own_are_kept_and_mixtures_are_named() -> None:
    types = ColumnTypes(textual=False, kinds={"forced": Kind.TEXT})
    types.see({"a": 1, "b": "x", "forced": 1})
    types.see({"a": "1", "b": "y", "forced": "1"})
    assert types.mixed == {"a": [Kind.NUMBER, Kind.TEXT]} and types.found == {}
    assert types.convert({"a": 1, "forced": 1}) == {"a": 1, "forced": "1"}
