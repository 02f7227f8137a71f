"""How texts are cut into words."""

from __future__ import annotations

import pytest

from service.product import Product
from service.search.lexical.words import product_words, query_words, words


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
    assert product_words(product, ["title", "category", "brand", "sku"]) == ["milk", "drinks", "oatly", "ab", "12"]
    assert product_words(product, ["tags", "id", "none", "empty"]) == ["oat", "3", "true", "p", "1"]
    assert product_words(Product(id="q", image_key=""), ["title", "category"]) == []
