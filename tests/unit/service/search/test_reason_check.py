"""A reason is dropped where the catalog contradicts it, and only there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.product import Product
from service.search.color_words import COLORS
from service.search.reason_check import ReasonFault, reason_fault

CATEGORIES = ("phone case", "mug", "t-shirt", "hoodie", "tote bag")


def product(title: str = "Leopard phone case, grey", category: str | None = "phone case", **fields: object) -> Product:
    facts = {"id": "p", "title": title, "category": category, "price": 17.9, "image_key": "k", **fields}
    return Product.model_validate(facts)


@pytest.mark.parametrize(
    ("reason", "fault"),
    [
        ("A grey phone case with the leopard of the query.", None),
        ("A gray phone case, under 20 euros.", None),
        ("It costs €17.90 and shows the same animal.", None),
        ("It costs 17 euros.", None),
        ("The leopard print matches the image most closely.", None),
        ("A charcoal phone case with a leopard.", None),
        ("A blue phone case with a leopard.", ReasonFault.COLOR),
        ("A navy one with a leopard.", ReasonFault.COLOR),
        ("A grey hoodie with a leopard.", ReasonFault.CATEGORY),
        ("One of the grey mugs with a leopard.", ReasonFault.CATEGORY),
        ("A leopard phone case for 12.50 €.", ReasonFault.PRICE),
        ("A leopard phone case under $15.", ReasonFault.PRICE),
        ("More than 20 dollars, but worth it.", ReasonFault.PRICE),
        ("a grey phone case with a dog", ReasonFault.TITLE),
        ("a phone case with a dog, as in the image", ReasonFault.TITLE),
        ("a phone case with a leopard, as in the image", None),
        ("a grey phone case with a leopard", None),
        ("a grey phone case with leopards", None),
        ("a grey phone case with a big cat that matches the image", None),
        ("", None),
    ],
)
def test_what_the_catalog_contradicts(reason: str, fault: ReasonFault | None) -> None:
    assert reason_fault(reason, product(), CATEGORIES) == fault


def test_the_catalogs_silence_contradicts_nothing() -> None:
    silent = product("Leopard", None, price=None)
    assert reason_fault("A blue mug for 5 euros.", silent, CATEGORIES) is None


def test_colors_that_lie_between_two_contradict_neither() -> None:
    teal = product("Octopus mug", "mug", attributes={"color": "teal"})
    assert reason_fault("A blue mug.", teal, CATEGORIES) is None
    assert reason_fault("A green mug.", teal, CATEGORIES) is None
    assert reason_fault("A red mug.", teal, CATEGORIES) == ReasonFault.COLOR


@pytest.mark.parametrize("title", ["Red panda mug", "Blue whale mug", "Rose mug"])
def test_words_of_the_title_are_true(title: str) -> None:
    black = product(title, "mug", attributes={"color": "black"})
    assert reason_fault(f"A mug with the motif of {title}.", black, CATEGORIES) is None


def test_many_colors_contradict_none() -> None:
    mixed = product("Scarf", "scarf", attributes={"color": "multicolor"})
    assert reason_fault("A red scarf.", mixed, CATEGORIES) is None


def test_a_word_for_a_thing_is_not_a_color() -> None:
    blue = product("Fruit mug", "mug", attributes={"colour": "blue"})
    assert reason_fault("It shows an orange and a peach.", blue, CATEGORIES) is None


@given(color=st.sampled_from(sorted(COLORS)), category=st.sampled_from(CATEGORIES))
def test_the_products_own_words_never_contradict_it(color: str, category: str) -> None:
    own = product(f"Leopard {category}, {color}", category, attributes={"color": color})
    assert reason_fault(f"A {color} {category} with a leopard for 17.90 €.", own, CATEGORIES) is None


@given(st.text(max_size=200))
def test_any_text_is_judged(reason: str) -> None:
    assert reason_fault(reason, product(), CATEGORIES) in {None, *ReasonFault}
