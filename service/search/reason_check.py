"""Checks a reranker's reason against the catalog's facts about its product.

A wrong reason is worse than none. Only unambiguous statements are judged: a color for a product that
has another one, a kind of product that it is not, a price that it does not have, and a description ("a mug with a dog",
bare or before a comma) of something that its title does not name. What the catalog does not state contradicts nothing,
and what a sentence says of other things (a material, what the query's image shows) is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum

from service.product import Product
from service.search.color_words import COLORS, basic_colors, color_words
from service.search.lexical.words import has_phrase, singular

_WORD = re.compile(r"[^\W_]+")
_NUMBER = r"(\d{1,9}(?:[.,]\d{1,2})?)"
_CURRENCY = r"(?:€|\$|£|eur(?:os?)?|usd|dollars?|gbp|pounds?)"
_PRICE = re.compile(rf"(?:{_CURRENCY}\s*{_NUMBER}|{_NUMBER}\s*{_CURRENCY})(?!\w)", re.IGNORECASE)
_BELOW = re.compile(r"(?:under|below|less than|up to|at most|cheaper than|within)\W*$", re.IGNORECASE)
_ABOVE = re.compile(r"(?:over|above|more than|at least|from)\W*$", re.IGNORECASE)
_DESCRIPTION = re.compile(
    r"\W*(?:an?|the)\s+(.+?)\s+with\s+(?:an?\s+|the\s+)?([\w'-]+(?: [\w'-]+){0,3})(?:\W*|[,;:]\s.*)", re.I | re.S
)
_MANY_COLORS = frozenset(
    {"multicolor", "multicolored", "multicolour", "multicoloured", "colorful", "colourful", "mixed"}
)
_COLOR_FIELDS = frozenset({"color", "colour", "colors", "colours", "color_name", "base_color", "shade"})


class ReasonFault(StrEnum):
    """What the reason contradicts."""

    COLOR = "wrong_color"
    CATEGORY = "wrong_category"
    PRICE = "wrong_price"
    TITLE = "wrong_title"


def reason_fault(reason: str, product: Product, categories: Iterable[str]) -> ReasonFault | None:
    """The first contradiction between a reason and the product that it speaks of, or None.

    `categories`: those that the reason could take it for, such as those of the other candidates.
    """
    if _wrong_category(reason, product, categories):
        return ReasonFault.CATEGORY
    if _wrong_color(reason, product):
        return ReasonFault.COLOR
    if _wrong_price(reason, product):
        return ReasonFault.PRICE
    return ReasonFault.TITLE if _names_another(reason, product) else None


def _wrong_color(reason: str, product: Product) -> bool:
    """Whether the reason names colors, and one of them matches none that the catalog states."""
    stated = _stated_colors(product)
    if not stated:
        return False
    own = {*_words(product.title), *_words(product.category or "")}
    claimed = [word for word in color_words(reason, things=False) if word not in own]
    return any(not COLORS[word] & stated for word in claimed)


def _stated_colors(product: Product) -> frozenset[str]:
    """Basic colors of the product; none where it states none, or is of many colors."""
    fields = [_text(value) for name, value in product.attributes.items() if name.lower() in _COLOR_FIELDS]
    texts = [*fields, product.title]
    if any(word in _MANY_COLORS for text in texts for word in _words(text)):
        return frozenset()
    named = [word for text in fields for word in color_words(text)]
    return basic_colors(named + color_words(product.title, things=False))


def _wrong_category(reason: str, product: Product, categories: Iterable[str]) -> bool:
    """Whether the reason names a kind of product that is neither the product's category nor a word of its own."""
    said = _stems(reason)
    own = _stems(" ".join([product.title, product.category or "", *map(_text, product.attributes.values())]))
    foreign = [_stems(category) for category in categories if category != product.category]
    return product.category is not None and any(
        has_phrase(said, other) and not has_phrase(own, other) for other in foreign if other
    )


def _wrong_price(reason: str, product: Product) -> bool:
    if product.price is None:
        return False
    price = Decimal(str(product.price))
    return any(not _holds(reason[: match.start()], _amount(match), price) for match in _PRICE.finditer(reason))


def _names_another(reason: str, product: Product) -> bool:
    """Whether the reason is the description of a product and nothing more, of a thing that this one's words lack."""
    described = _DESCRIPTION.fullmatch(reason)
    category = _stems(product.category or "")
    if described is None or not category or not has_phrase(_stems(described[1]), category):
        return False
    plain = {*category, *COLORS}
    title = {stem for stem in _stems(product.title) if stem not in plain}
    own = title.union(_stems(" ".join(map(_text, product.attributes.values()))))
    return bool(title) and own.isdisjoint(_stems(described[2]))


def _holds(before: str, amount: Decimal, price: Decimal) -> bool:
    """Whether the price is what the words before an amount say of it."""
    if _BELOW.search(before):
        return price <= amount
    if _ABOVE.search(before):
        return price >= amount
    return abs(price - amount) < 1 if amount == amount.to_integral() else price == amount


def _amount(match: re.Match[str]) -> Decimal:
    return Decimal((match[1] or match[2]).replace(",", "."))


def _text(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _stems(text: str) -> list[str]:
    """Words without the plural's ending; enough to tell "mugs" for "mug"."""
    return [singular(word) for word in _words(text)]
