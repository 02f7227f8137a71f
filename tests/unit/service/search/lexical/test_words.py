"""How texts are cut into words."""

from __future__ import annotations

import pytest

from service.product import Product
from service.search.lexical.words import lesser_words, product_words, query_words, singular, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Leopard phone-case, GREY!", ["leopard", "phone", "case", "grey"]),
        ("Größe XL: Tasse", ["grösse", "xl", "tasse"]),
        ("cafe\u0301", ["café"]),
        ("ＡＢＣ ½", ["abc", "1", "2"]),
        ("!!!", []),
        ("", []),
    ],
)
def test_words_are_runs_of_letters_and_digits_in_one_form(text: str, found: list[str]) -> None:
    assert words(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a phone case with this", ["phone", "case"]),
        ("red red mug", ["red", "mug"]),
        ("this is it", ["this", "is", "it"]),
        ("?", []),
    ],
)
def test_stop_words_of_a_query_count_only_where_there_are_no_others(text: str, found: list[str]) -> None:
    assert query_words(text) == found


def test_words_of_a_product_come_from_the_fields_that_are_named() -> None:
    attributes = {"brand": "Oatly", "sku": "AB-12", "tags": ["oat", 3, True], "empty": ""}
    product = Product(id="p 1", title="Milk", category="drinks", attributes=attributes, image_key="")
    assert product_words(product, ["title", "category", "brand", "sku"]) == ["milk", "drink", "oatly", "ab", "12"]
    assert product_words(product, ["tags", "id", "none", "empty"]) == ["oat", "3", "true", "p", "1"]
    assert product_words(Product(id="q", image_key=""), ["title", "category"]) == []


def test_singular_and_plural_of_a_word_meet() -> None:
    pairs = ["mug mugs", "dress dresses", "watch watches", "box boxes", "hoodie hoodies", "berry berries", "shoe shoes"]
    pairs += ["glass glasses", "woman women", "knife knives", "glove gloves", "bus buses", "tie ties", "case cases"]
    for one, several in (pair.split() for pair in pairs):
        assert singular(one) == singular(several), one
    assert len({singular(word) for word in ("dress", "this", "bus", "gas", "axis", "us", "as")}) == 7


def test_plurals_of_a_query_find_the_singular() -> None:
    product = Product(id="p", title="Blue hoodie", image_key="")
    assert set(query_words("blue hoodies")) == set(product_words(product, ["title"]))


def test_a_word_of_several_fields_has_the_highest_of_their_weights() -> None:
    product = Product(id="p", title="Red mug", category="mug", image_key="", attributes={"brand": "Red Sea"})
    fields = ["title", "category", "brand"]
    assert lesser_words(product, fields, {"category": 0.5, "brand": 0.25}) == {"sea": 0.25}
    assert lesser_words(product, fields, {"title": 0.5, "brand": 0.25}) == {"red": 0.5, "sea": 0.25}
    assert lesser_words(product, fields, {}) == {}
