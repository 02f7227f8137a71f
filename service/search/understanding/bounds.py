"""Price bounds in an English sentence: "under 20 euros", "between $10 and $15", "at least 5".

A number counts as a price where a currency stands next to it, or where a word such as "under" stands before it and
nothing behind it that it could count or measure: "under 20" is a price, "under 20 cm" and "at least 5 pockets" are
none. A bound that is not understood does no harm; one that is understood wrongly hides products.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Operator = Literal["lt", "lte", "gt", "gte"]

_SIGN = r"(?:[$€£¥]|(?:eur|usd|gbp)\b)"
_UNIT = r"(?:[$€£¥]|(?:euros?|eur|usd|dollars?|bucks|gbp|pounds?|quid)\b)"
_AMOUNT = r"\d{1,9}(?:[.,]\d{1,3}){0,3}"

_BOUNDS: tuple[tuple[str, Operator], ...] = (
    (r"no more than|not more than|not over|not above|up to|at most|at maximum|max(?:imum)?(?: of)?|within", "lte"),
    (r"not under|not below|no less than|not less than|at least|min(?:imum)?(?: of)?|starting (?:at|from)", "gte"),
    (r"under|below|less than|cheaper than|lower than", "lt"),
    (r"over|above|more than|higher than", "gt"),
)
_BEHIND: tuple[tuple[str, Operator], ...] = (
    (r"(?:or|and) (?:less|under|below|cheaper)|max(?:imum)?", "lte"),
    (r"(?:or|and) (?:more|over|above|up)|min(?:imum)?", "gte"),
)


def _money(name: str) -> str:
    """A pattern for an amount with a currency before it, behind it, or with none."""
    return rf"(?P<{name}_sign>{_SIGN} ?)?(?P<{name}>{_AMOUNT})(?P<{name}_unit> ?{_UNIT})?(?![\w%])"


_LEAD = r"(?:\b(?:(?:that|which) )?(?:priced?|prices|costing|costs?|for)(?: is| of| at)? )?"
_RANGE = re.compile(
    rf"{_LEAD}(?:\bbetween {_money('low')} and {_money('high')}"
    rf"|(?:\bfrom )?(?<![\w.,]){_money('least')} ?(?:to|-|–|—) ?{_money('most')})"
)
_BEFORE = [
    (re.compile(rf"{_LEAD}\b(?:{words}) (?:about |around )?{_money('amount')}"), operator)
    for words, operator in _BOUNDS
]
_FROM = re.compile(rf"{_LEAD}\bfrom {_money('amount')}")
_AFTER = [(re.compile(rf"(?<![\w.,]){_money('amount')} (?:{words})\b"), operator) for words, operator in _BEHIND]

_NOTHING_COUNTED = re.compile(
    r" ?(?:$|[.,;:!?)]|(?:and|or|but|with|without|for|in|please|not|no|that|which|priced?)\b)"
)
_OTHER_MEASURE = re.compile(
    r"\b(?:sizes?|age[ds]?|width|height|length|depth|weight|diameter|waist|volume|numbers?|model|year|rated)"
    r"(?: is| of)? $"
)


@dataclass(frozen=True, slots=True)
class PriceBound:
    """One bound and where it stands in the sentence, `start` to `end`."""

    operator: Operator
    amount: float
    start: int
    end: int


def price_bounds(sentence: str) -> list[PriceBound]:
    """The price bounds of a sentence whose words are separated by single blanks, in their order; they do not overlap.

    Both bounds of a range have the place of the whole range.
    """
    text = sentence.lower()
    if len(text) != len(sentence):  # a few letters become two in lower case, which would move the places
        text = sentence
    found: list[PriceBound] = []
    for bound in _all(text):
        if all(bound.end <= other.start or other.end <= bound.start or _one(bound, other) for other in found):
            found.append(bound)
    return sorted(found, key=lambda bound: (bound.start, bound.operator))


def _all(text: str) -> Iterator[PriceBound]:
    """Candidates; those that come first win over others that overlap them."""
    for match in _RANGE.finditer(text):
        yield from _range(match)
    for pattern, operator in _BEFORE:
        for match in pattern.finditer(text):
            if _is_money(match, "amount") or _is_alone(match):
                yield PriceBound(operator, _number(match["amount"]), match.start(), match.end())
    for pattern, operator in [(_FROM, "gte"), *_AFTER]:
        for match in pattern.finditer(text):
            if _is_money(match, "amount"):
                yield PriceBound(operator, _number(match["amount"]), match.start(), match.end())


def _range(match: re.Match[str]) -> Iterator[PriceBound]:
    low, high = ("low", "high") if match["low"] else ("least", "most")
    if not (_is_money(match, low) or _is_money(match, high) or (low == "low" and _is_alone(match))):
        return
    least, most = sorted((_number(match[low]), _number(match[high])))
    yield PriceBound("gte", least, match.start(), match.end())
    yield PriceBound("lte", most, match.start(), match.end())


def _one(some: PriceBound, other: PriceBound) -> bool:
    """Whether they are the two bounds of one range."""
    return (some.start, some.end) == (other.start, other.end) and some.operator != other.operator


def _is_money(match: re.Match[str], name: str) -> bool:
    return bool(match[f"{name}_sign"] or match[f"{name}_unit"])


def _is_alone(match: re.Match[str]) -> bool:
    """Whether a bare number counts nothing behind it, and measures nothing named before it."""
    behind = _NOTHING_COUNTED.match(match.string, match.end())
    return behind is not None and not _OTHER_MEASURE.search(match.string, 0, match.start())


def _number(amount: str) -> float:
    """12.50 and 12,50 are twelve and a half; 1,000 and 1.000 a thousand, since prices have two decimals at most."""
    whole, separator, decimals = amount.rpartition(",") if "," in amount[-3:] else amount.rpartition(".")
    if not separator or len(decimals) == 3:
        whole, decimals = amount, "0"
    return float(re.sub("[.,]", "", whole) + "." + decimals)
