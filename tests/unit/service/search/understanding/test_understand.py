"""What is read in a sentence, by the values that the catalog has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.product import Product
from service.search.understanding import vocabulary as module
from service.search.understanding.negation import absences
from service.search.understanding.sentence import stems
from service.search.understanding.understand import Understander, Understood
from service.search.understanding.vocabulary import FacetValue, Vocabulary
from service.search.understanding.wanted import conditions, wanted
from service.stores.filters import Filter, check_filter

_FIELDS = frozenset({"category", "color", "brand", "size"})
_SHOP: list[tuple[str, str, str | int]] = [
    ("mug", "red", "M"),
    ("hoodie", "blue", "XL"),
    ("phone case", "gray", 42),
    ("Shoes", "navy", "on"),
    ("light blue thing", "light blue", ""),
]


def vocabulary() -> Vocabulary:
    made = Vocabulary(_FIELDS, {stems("sneakers"): (stems("shoes"),), stems("winter tops"): (stems("hoodie"),)})
    for number, (category, color, size) in enumerate(_SHOP):
        attributes = {"Color": color, "size": size, "brand": "Oatly", "material": "cotton"}
        made.labels(Product(id=str(number), category=category, attributes=attributes, image_key=""))
    return made


def read(text: str, title: str = "") -> Understood:
    said = {*stems(title), *absences(title)}
    return Understander(vocabulary()).understand(
        text, is_known=lambda value: True, is_said=lambda terms: all(said.intersection(group) for group in terms)
    )


def boosts(text: str) -> list[list[tuple[str, object]]]:
    return [list(mention.values) for mention in read(text).boost]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a red mug", [[("Color", "red")], [("category", "mug")]]),
        ("RED MUGS", [[("Color", "red")], [("category", "mug")]]),
        ("phone cases by oatly", [[("category", "phone case")], [("brand", "Oatly")]]),
        ("a light blue hoodie", [[("Color", "light blue")], [("category", "hoodie")]]),
        ("grey", [[("Color", "gray")]]),
        ("an azure mug", [[("Color", "blue"), ("Color", "navy")], [("category", "mug")]]),
        ("sneakers", [[("category", "Shoes")]]),
        ("winter tops", [[("category", "hoodie")]]),
        ("an XL hoodie", [[("size", "XL")], [("category", "hoodie")]]),
        ("size m", [[("size", "M")]]),
        ("size 42", [[("size", 42)]]),
        ("m 42 on", []),
        ("a cotton cap", []),
    ],
)
def test_values_of_the_catalog_are_found(text: str, values: list[list[tuple[str, object]]]) -> None:
    assert boosts(text) == values


@pytest.mark.parametrize(
    ("text", "left", "excluded"),
    [
        ("red mugs not blue", "red mugs", ["blue"]),
        ("not red mugs", "mugs", ["red"]),
        ("no red mugs", None, ["red mugs"]),
        ("a mug without stripes or dots", "a mug", ["stripes", "dots"]),
        ("a hoodie that isn't blue", "a hoodie", ["blue"]),
        ("a mug but not with stripes", "a mug", ["stripes"]),
        ("mug, not a red one", "mug", ["red"]),
        ("a mug (no dogs) under $10", "a mug", ["dogs"]),
        ("anything except phone cases", None, ["phone cases"]),
        ("a phone case with this but not red", "a phone case with this", ["red"]),
        ("a mug without red stripes on the back", "a mug on the back", ["red stripes"]),
        ("a hoodie, no pizza, under 20", "a hoodie", ["pizza"]),
    ],
)
def test_negations_are_taken_out_of_the_sentence(text: str, left: str | None, excluded: list[str]) -> None:
    found = read(text)
    assert (found.text, [one.text for one in found.excluded]) == (left, excluded)


@pytest.mark.parametrize(
    "text", ["a non-slip mug", "a no-iron shirt", "not too big", "no matter which mug", "no", "not", "knot", "without"]
)
def test_other_uses_of_the_words_are_no_negations(text: str) -> None:
    assert (read(text).text, read(text).excluded) == (text, ())


def test_a_sentence_that_says_nothing_of_the_kind_is_left_as_it_is() -> None:
    text = "a  cup,\nwith this  "
    assert read(text) == Understood(text, {})


def test_values_and_prices_become_a_filter_and_other_words_terms() -> None:
    found = read("a hoodie between 10 and 15, not red, no pizza, no red stripes")
    filter = conditions(found)
    assert filter is not None
    assert filter.model_dump(by_alias=True, exclude_unset=True) == {
        "and": [
            {"price": {"gte": 10, "lte": 15}},
            {
                "not": {
                    "or": [
                        {"attributes": {"Color": {"in": ["red"]}}},
                        {"attributes": {"Color": {"contains": "red"}}},
                    ]
                }
            },
        ]
    }
    terms = wanted(None, found).unwanted
    assert [list(map(list, groups)) for groups, _ in terms] == [[["pizza"]], [[("Color", "red")], ["stripe"]]]


@pytest.mark.parametrize(
    ("text", "title", "boost"),
    [
        ("teacup without handle mug", "Teacup without handle mug, red", ["mug"]),
        ("a mug with a teacup without a handle", "Teacup without handle mug, red", ["mug"]),
        ("snow without blue", "Snow without blue hoodie", ["blue"]),
        ("a teacup with no handle", "Teacup without handle mug, red", []),
    ],
)
def test_a_negation_that_a_product_says_itself_is_searched_for(text: str, title: str, boost: list[str]) -> None:
    found = read(text, title)
    assert found.text == text and [mention.values[0].value for mention in found.boost] == boost
    assert [one.is_quoted for one in found.excluded] == [True]
    assert conditions(found) is None and len(wanted(None, found).unwanted) == 1


@pytest.mark.parametrize(
    ("text", "title", "left"),
    [
        ("a shirt without stripes", "Dress without stripes, striped", "a shirt"),
        ("a mug, no dots and stripes", "Mug with dots and stripes", "a mug"),
        ("a mug that isn't red", "Mug without handle, red", "a mug"),
        ("a mug without a teacup", "Teacup without handle mug", "a mug"),
    ],
)
def test_a_product_that_says_something_else_is_no_quotation(text: str, title: str, left: str) -> None:
    found = read(text, title)
    assert found.text == left and not any(one.is_quoted for one in found.excluded)


def test_a_filter_that_has_no_room_for_more_stands_alone() -> None:
    given = Filter.model_validate({"or": [{"price": {"eq": number}} for number in range(255)]})
    check_filter(given)
    assert wanted(given, read("between 10 and 15")).filter == given
    assert wanted(given, read("under 15")).filter != given


def test_conditions_are_given_up_one_after_the_other() -> None:
    attempts = list(read("a mug under 20, not red").attempts())
    assert [attempt.relaxed for attempt in attempts] == [(), ("excluded",), ("filter", "excluded")]
    assert [(bool(attempt.price), bool(attempt.excluded)) for attempt in attempts] == [
        (True, True),
        (True, False),
        (False, False),
    ]
    assert len(list(read("a mug").attempts())) == 1


def test_values_that_no_product_has_any_more_are_not_found() -> None:
    found = Understander(vocabulary()).understand(
        "a red mug, not blue", lambda value: value.value == "mug", lambda words: False
    )
    assert [mention.values for mention in found.boost] == [(FacetValue("category", "mug"),)]
    assert [(one.values, one.rest) for one in found.excluded] == [((), ("blue",))]


def test_values_are_bounded_in_number_and_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_VALUES", 3)
    made = Vocabulary(_FIELDS)
    kept = [made.labels(Product(id="p", attributes={"brand": f"Brand {n}"}, image_key="")) for n in range(5)]
    assert [len(labels) for labels in kept] == [1, 1, 1, 0, 0]
    texts = ["x" * (module.MOST_CHARS + 1), "one two three four five six", "", "!!!"]
    assert made.labels(Product(id="p", attributes={"color": texts, "size": True}, image_key="")) == []


_PARTS = st.lists(
    st.sampled_from(
        [
            "red",
            "mugs",
            "not",
            "no",
            "without",
            "phone",
            "case",
            "under 20",
            ",",
            "or",
            "and",
            "a",
            "size",
            "42",
            "isn't",
        ]
    ),
    max_size=14,
)


@given(_PARTS.map(" ".join) | st.text(max_size=80))
def test_any_sentence_can_be_read(text: str) -> None:
    found = read(text)
    assert found.text in (None, text) or (found.text or "").strip()
    conditions(found)
    for attempt in found.attempts():
        wanted(None, attempt)
