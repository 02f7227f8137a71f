"""Price bounds of a sentence."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.search.understanding.bounds import price_bounds

_WORDS = {
    "lt": ["under", "below", "less than", "cheaper than", "lower than"],
    "lte": ["up to", "at most", "max", "maximum", "no more than", "not over", "not more than"],
    "gt": ["over", "above", "more than"],
    "gte": ["at least", "min", "minimum", "no less than", "not under", "starting at"],
}
_BOUND = st.sampled_from([(operator, words) for operator, some in _WORDS.items() for words in some])
_CENTS = st.integers(0, 10**7)
_MONEY = st.sampled_from(
    ["{}€", "{} €", "€{}", "${}", "$ {}", "{} euros", "{} eur", "USD {}", "{} dollars", "{} pounds"]
)
_BEFORE = st.sampled_from(["", "a red mug", "size 42 shoes", "a 12 pack,", "iphone 15 case"])
_BEHIND = st.sampled_from(["", " with a dog", ", please", " and red", "!"])


def written(cents: int, separator: str) -> str:
    """The amount as people write it."""
    return f"{cents // 100}{separator}{cents % 100:02}" if cents % 100 else str(cents // 100)


def read(sentence: str) -> list[tuple[str, float]]:
    return [(bound.operator, bound.amount) for bound in price_bounds(sentence)]


@given(_BOUND, _CENTS, _MONEY, st.sampled_from([".", ","]), st.tuples(_BEFORE, _BEHIND))
def test_an_amount_of_money_behind_a_word_for_a_bound_is_one(
    bound: tuple[str, str], cents: int, money: str, separator: str, around: tuple[str, str]
) -> None:
    (operator, words), (before, behind) = bound, around
    price = f"{words} {money.format(written(cents, separator))}"
    sentence = f"{before} {price}{behind}".strip()
    [found] = price_bounds(sentence)
    assert (str(found.operator), found.amount) == (operator, cents / 100)
    assert sentence[found.start : found.end] == price


@given(_CENTS, _CENTS, _MONEY, st.sampled_from(["between {} and {}", "from {} to {}", "{} - {}", "{} to {}"]), _BEHIND)
def test_a_range_is_two_bounds_whatever_its_order(some: int, other: int, money: str, words: str, behind: str) -> None:
    amounts = (money.format(written(cents, ".")) for cents in (some, other))
    low, high = sorted((some / 100, other / 100))
    assert read(f"a mug {words.format(*amounts)}{behind}") == [("gte", low), ("lte", high)]


@given(st.text(max_size=200) | st.lists(st.sampled_from(["under", "20", "$", "and", "between", "-", "€5", "no", "to"])))
def test_any_text_has_bounds_that_stand_in_it_and_apart(given_text: str | list[str]) -> None:
    text = " ".join((given_text if isinstance(given_text, str) else " ".join(given_text)).split())
    found = price_bounds(text)
    for bound in found:
        assert 0 <= bound.start < bound.end <= len(text) and bound.amount >= 0
        assert any(char.isdigit() for char in text[bound.start : bound.end])
    places = sorted({(bound.start, bound.end) for bound in found})
    assert all(end <= start for (_, end), (start, _) in pairwise(places))


@given(_BOUND, st.integers(0, 9999), st.sampled_from(["cm", " cm", "%", " pockets", " ml", "kg", " inches", "th", "x"]))
def test_what_is_counted_or_measured_is_no_price(bound: tuple[str, str], number: int, unit: str) -> None:
    assert read(f"a bag {bound[1]} {number}{unit}") == []


@pytest.mark.parametrize(
    ("sentence", "bounds"),
    [
        ("a mug under 20", [("lt", 20)]),
        ("mugs under 20 with a dog", [("lt", 20)]),
        ("between 10 and 15", [("gte", 10), ("lte", 15)]),
        ("at least 5", [("gte", 5)]),
        ("cheaper than $30", [("lt", 30)]),
        ("over 30 and under 40", [("gt", 30), ("lt", 40)]),
        ("20 euros or less", [("lte", 20)]),
        ("$5 and up", [("gte", 5)]),
        ("up to 1,000.50 eur", [("lte", 1000.5)]),
        ("under 1.000 €", [("lt", 1000)]),
        ("Under 20 EUROS", [("lt", 20)]),
        ("size under 40", []),
        ("size between 38 and 40", []),
        ("size 40 or less", []),
        ("iphone 12 to 13 case", []),
        ("under 20 red mugs", []),
        ("under the sea", []),
        ("İstanbul under 20 €", [("lt", 20)]),
    ],
)
def test_sentences(sentence: str, bounds: list[tuple[str, float]]) -> None:
    assert read(sentence) == bounds
