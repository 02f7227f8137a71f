"""From the content of a line to the fields of a product: names and values of the feed's format become ours.

What is only a matter of form is put right here: prices are amounts, HTML is plain text, and texts that are longer than
a product may have are cut. Whether the result is a valid product is for `service.catalog.rows` to say.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from service.catalog.column_names import KNOWN
from service.catalog.column_types import Kind
from service.catalog.formats import PLAIN, FeedFormat
from service.catalog.formats.feed_format import links
from service.catalog.plain_text import plain_text
from service.catalog.prices import Decimal, Price, parse_price
from service.catalog.readers.columns import Columns
from service.product import MAX_ATTRIBUTE_TEXT_CHARS, MAX_ATTRIBUTES_BYTES, MAX_CATEGORY_CHARS, MAX_TITLE_CHARS

CURRENCY = "currency"
_LIMITS = {"title": MAX_TITLE_CHARS, "category": MAX_CATEGORY_CHARS}
_SHORT = 500
"""Characters of a text that is never cut to make room for others."""


@dataclass(frozen=True)
class LineValues:
    """Reads the lines of a feed. `given` are those of our names that the user has assigned: a format leaves them alone.

    `shortened` counts the lines in which a field was cut.
    """

    columns: Columns
    given: frozenset[str] = frozenset()
    shortened: Counter[str] = field(default_factory=Counter)

    @property
    def format(self) -> FeedFormat:
        """The feed's format."""
        return self.columns.format or PLAIN

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """The types of attributes that are known before the feed is read: the user's before the format's."""
        return {**self.format.kinds, **self.columns.kinds}

    @property
    def notes(self) -> list[str]:
        """Notes for the feed's owner."""
        comma = self.columns.decimal is Decimal.COMMA
        notes = ["Prices have a decimal comma, so 1.299 is 1299. --decimal point changes that."] if comma else []
        cut = ", ".join(f"{name!r} in {count}" for name, count in sorted(self.shortened.items()))
        return [*notes, f"Texts that are too long are cut. Lines: {cut}."] if cut else notes

    def price_text(self, fields: Mapping[str, Any]) -> Any:
        """A line's price as it is written."""
        return self._named(fields).get("price")

    def read(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of a line under our names. Raises DoubledColumnError."""
        found = self._named(fields)
        for name, kind in self.kinds.items():
            value = found.get(name)
            if isinstance(value, str) and kind is Kind.HTML:
                found[name] = plain_text(value)
            elif isinstance(value, str) and kind is Kind.PRICE:
                price = self._price(value)
                found[name] = price.amount if price is not None else value
        return self._fitting(self._with_amount(found))

    def _named(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        renamed = self.columns.rename(fields)
        found = self.format.read(renamed)
        given = {name: renamed[name] for name in self.given if name in renamed}
        if "image" in given and self.format != PLAIN:
            given["image"] = links(given["image"])
        return {**found, **given}

    def _with_amount(self, found: dict[str, Any]) -> dict[str, Any]:
        """A price with a currency as two fields."""
        value = found.get("price")
        price = self._price(value) if isinstance(value, str) else None
        if price is None:
            return found
        named = {CURRENCY: price.currency} if price.currency and not found.get(CURRENCY) else {}
        return {**found, "price": price.amount, **named}

    def _price(self, text: str) -> Price | None:
        return parse_price(text, self.columns.decimal or Decimal.POINT)

    def _fitting(self, found: dict[str, Any]) -> dict[str, Any]:
        """The same with texts that are not longer than a product's may be."""
        for name, value in found.items():
            limit = _LIMITS.get(name, MAX_ATTRIBUTE_TEXT_CHARS)
            if name not in ("id", "image") and isinstance(value, str) and len(value) > limit:
                self._cut(found, name, limit)
        while (longest := _too_long(found)) is not None:
            self._cut(found, longest, len(found[longest]) // 2)
        return found

    def _cut(self, found: dict[str, Any], name: str, limit: int) -> None:
        found[name] = found[name][:limit].rstrip()
        self.shortened[name] += 1


def _too_long(found: Mapping[str, Any]) -> str | None:
    """The longest text among attributes that take too much room together; None if they do not."""
    texts = {name: value for name, value in found.items() if name not in KNOWN and isinstance(value, str)}
    if sum(map(len, texts.values())) * 4 < MAX_ATTRIBUTES_BYTES:  # mostly; a character takes up to four bytes
        return None
    attributes = {name: value for name, value in found.items() if name not in KNOWN}
    size = len(json.dumps(attributes, ensure_ascii=False, default=str).encode(errors="replace"))
    longest = max(texts, key=lambda name: len(texts[name]))
    return longest if size > MAX_ATTRIBUTES_BYTES and len(texts[longest]) > _SHORT else None
