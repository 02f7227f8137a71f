"""Prices as feeds write them: "15.99 USD", "€ 1.299,00", "1 299,90 kr".

Currencies are found by price-parser. Amounts are not: it takes the first number of any prose ("2 for 5 USD"), and knows
no apostrophes ("CHF 1'299.50"). A text with anything else than an amount and a currency is no price. What only a locale
can tell, whether "1.299" is a little or a lot, is decided once for a feed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from price_parser import Price as ParsedPrice

_AMOUNT = re.compile(r"[0-9](?:[0-9.,'’ ]*[0-9])?")
_WHOLE = re.compile(r"[0-9]+|[0-9]{1,3}(?:[.,'’ ][0-9]{2,3})+")
_CODES = {"€": "EUR", "£": "GBP", "₹": "INR", "₺": "TRY", "₩": "KRW", "₽": "RUB", "₪": "ILS", "zł": "PLN", "₫": "VND"}
"""Signs of one currency each. Others, such as $ and kr, stay as they are written."""

_MAX_CHARS = 60


class Decimal(StrEnum):
    """What separates the decimals of a feed's prices."""

    POINT = "point"
    COMMA = "comma"


_DECIMALS = {".": Decimal.POINT, ",": Decimal.COMMA}


@dataclass(frozen=True, slots=True)
class Price:
    """`currency`: an ISO 4217 code, a sign that several currencies have, or None."""

    amount: float
    currency: str | None = None


def parse_price(text: str, decimal: Decimal = Decimal.POINT) -> Price | None:
    """A price; None for a text that is none. `decimal` decides where the text itself does not."""
    text = " ".join(text.split())
    found = _AMOUNT.search(text) if len(text) <= _MAX_CHARS else None
    if found is None:
        return None
    amount = _number(found[0], decimal_of(found[0]) or decimal)
    currency = ParsedPrice.fromstring(text).currency
    rest = f"{text[: found.start()]} {text[found.end() :]}".replace(currency or "", "", 1)
    if amount is None or rest.strip(" .,") not in ("", "-") or text.startswith("-"):
        return None
    return Price(amount, _currency(currency))


def decimal_of(text: str) -> Decimal | None:
    """What a price itself says about its decimals; None if it could be read both ways, or has none.

    The last of two marks is the decimal one; one that is there twice groups thousands; and so does one with any other
    number of digits behind it than three.
    """
    last = max(text.rfind("."), text.rfind(","))
    if last < 0:
        return None
    mark, other = (".", ",") if text[last] == "." else (",", ".")
    if text.count(mark) > 1:
        return _DECIMALS[other]
    behind = len(re.sub("[^0-9]", "", text[last:]))
    return _DECIMALS[mark] if other in text or behind not in (0, 3) else None


def common_decimal(texts: Iterable[Any]) -> Decimal:
    """What most of these prices use; a point if they do not say."""
    amounts = [found[0] for text in texts if isinstance(text, str) and (found := _AMOUNT.search(text)) is not None]
    said = [decimal_of(amount) for amount in amounts]
    return Decimal.COMMA if said.count(Decimal.COMMA) > said.count(Decimal.POINT) else Decimal.POINT


def _number(text: str, decimal: Decimal) -> float | None:
    whole, _, decimals = text.partition("," if decimal is Decimal.COMMA else ".")
    if not _WHOLE.fullmatch(whole) or not re.fullmatch("[0-9]{0,9}", decimals):
        return None
    digits = re.sub("[^0-9]", "", whole)
    return float(f"{digits}.{decimals or 0}") if len(digits) <= 15 else None


def _currency(sign: str | None) -> str | None:
    return None if not sign else _CODES.get(sign, sign.upper() if sign.isalpha() and len(sign) == 3 else sign)
