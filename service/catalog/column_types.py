"""The types of attributes: inferred from all values of a column if they are texts (CSV), or declared by the user.

A column has one type. It is not text only if every one of its values could be written back unchanged:

- boolean: all are `true` or `false`, in upper or lower case;
- number: all are plain numbers, such as 38 or 0.5; `1.10`, `007` and `1e5` would come back as something else, so that
  one of them makes the whole column text;
- list: `L|M|XL`, short entries without blanks around them, in at least one value; the others are lists of one. The
  entries are numbers if all of them are.

Columns that are named as identifiers (`gtin`, `variant sku`, …) are text, whatever they hold.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from service.product import Attributes, AttributeValue, Scalar

LIST_SEPARATOR = "|"
MAX_ENTRY_CHARS = 64
"""Longest entry of a list that is recognized as one by default."""

MAX_NAMES = 10_000
"""Most attributes of a feed without declared columns whose types are compared; any more are read all the same."""

_IDENTIFIER = re.compile(r"(?<![a-z])(?:gtin|ean|upc|isbn|barcode|mpn|sku|asin|zip|postcode)(?![a-z])", re.I)
_PLAIN_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,9})?")
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,9})?")
_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class Kind(StrEnum):
    """What a column holds. HTML is made plain text, and a price, such as 15.99 USD, a number, as a line is read."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    LIST = "list"
    HTML = "html"
    PRICE = "price"


class WrongTypeError(ValueError):
    """An attribute that cannot be what its column should be; the text is the reason given for the reject."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(reason)
        self.name = name


@dataclass(slots=True)
class _Seen:
    """What the values of one column have in common so far."""

    boolean: bool = True
    number: bool = True
    entries: bool = True
    number_entries: bool = True
    separated: bool = False

    def see(self, value: str) -> None:
        self.boolean = self.boolean and value.lower() in ("true", "false")
        self.number = self.number and plain_number(value) is not None
        if self.entries:
            entries = value.split(LIST_SEPARATOR)
            self.entries = all(entry and entry == entry.strip() and len(entry) <= MAX_ENTRY_CHARS for entry in entries)
            self.separated = self.separated or len(entries) > 1
            self.number_entries = self.number_entries and all(plain_number(entry) is not None for entry in entries)

    @property
    def kind(self) -> Kind:
        if self.boolean:
            return Kind.BOOLEAN
        if self.number:
            return Kind.NUMBER
        return Kind.LIST if self.entries and self.separated else Kind.TEXT


_STORED = {Kind.HTML: Kind.TEXT, Kind.PRICE: Kind.NUMBER}
"""Kinds that are something else once they are read."""


class ColumnTypes:
    """The types of a feed's attributes. All of the feed is to be seen before anything is converted."""

    def __init__(self, *, textual: bool, kinds: Mapping[str, Kind]) -> None:
        """`textual`: all values are texts, so that types must be found out; `kinds` are given, and hold."""
        self._textual = textual
        self._given = kinds
        self._seen: dict[str, _Seen] = {}
        self._met: dict[str, set[Kind]] = {}

    def see(self, attributes: Mapping[str, AttributeValue]) -> None:
        """The attributes of one line."""
        for name, value in attributes.items():
            if not self._textual or not isinstance(value, str):
                if name in self._met or len(self._met) < MAX_NAMES:
                    self._met.setdefault(name, set()).add(kind_of(value))
            elif name not in self._given and not _IDENTIFIER.search(name):
                self._seen.setdefault(name, _Seen()).see(value)

    def convert(self, attributes: Mapping[str, AttributeValue]) -> dict[str, AttributeValue]:
        """The attributes in their types. Raises WrongTypeError for one that has not the type given."""
        return {name: self._converted(name, value) for name, value in attributes.items()}

    @property
    def found(self) -> dict[str, Kind]:
        """The columns that were found to be something else than text."""
        return {name: seen.kind for name, seen in sorted(self._seen.items()) if seen.kind is not Kind.TEXT}

    @property
    def mixed(self) -> dict[str, list[Kind]]:
        """The columns of a feed with types of its own that have several, so that a filter sees only a part of them."""
        met = sorted((name, sorted(kinds)) for name, kinds in self._met.items() if name not in self._given)
        return {name: kinds for name, kinds in met if len(kinds) > 1}

    def _converted(self, name: str, value: AttributeValue) -> AttributeValue:
        if name in self._given:
            return as_kind(name, value, self._given[name])
        seen = self._seen.get(name)
        if seen is None or not isinstance(value, str):
            return value
        if seen.kind is Kind.LIST:
            return [_entry(entry, seen.number_entries) for entry in value.split(LIST_SEPARATOR)]
        return as_kind(name, value, seen.kind)


def plain_number(text: str) -> int | float | None:
    """The number that a text is, if it would be written back as the same text."""
    if not _PLAIN_NUMBER.fullmatch(text):
        return None
    number = float(text) if "." in text else int(text)
    return number if str(number) == text else None


def kind_of(value: AttributeValue) -> Kind:
    """The type of a value, as filters distinguish types."""
    if isinstance(value, bool):
        return Kind.BOOLEAN
    if isinstance(value, int | float):
        return Kind.NUMBER
    return Kind.LIST if isinstance(value, list) else Kind.TEXT


def type_changes(before: Attributes, after: Attributes) -> tuple[str, ...]:
    """A sentence for each attribute that has another type than before."""
    kinds = [(name, kind_of(before[name]), kind_of(after[name])) for name in after if name in before]
    return tuple(
        f"The attribute {name!r} was {old} and is {new} now. A filter compares one type: it treats this product "
        f"differently from those where it is {old}."
        for name, old, new in kinds
        if old is not new
    )


def as_kind(name: str, value: AttributeValue, kind: Kind) -> AttributeValue:
    """A value as a type that was requested. Raises WrongTypeError if it cannot be that."""
    if kind_of(value) is _STORED.get(kind, kind):
        return value
    found = _CONVERSIONS[kind](value)
    if found is None:
        raise WrongTypeError(name, f"the attribute {name[:40]!r} is no {kind}, as --type or the feed's format says")
    return found


def _to_text(value: AttributeValue) -> str | None:
    if isinstance(value, list):
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def _to_number(value: AttributeValue) -> int | float | None:
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        return None
    return float(value) if "." in value else int(value)


def _to_boolean(value: AttributeValue) -> bool | None:
    return _BOOLEANS.get(str(value).lower())


def _to_list(value: AttributeValue) -> list[Scalar]:
    if isinstance(value, str):
        return [entry.strip() for entry in value.split(LIST_SEPARATOR) if entry.strip()]
    return value if isinstance(value, list) else [value]


_CONVERSIONS: Mapping[Kind, Callable[[AttributeValue], AttributeValue | None]] = {
    Kind.TEXT: _to_text,
    Kind.NUMBER: _to_number,
    Kind.BOOLEAN: _to_boolean,
    Kind.LIST: _to_list,
    Kind.HTML: _to_text,
    Kind.PRICE: _to_number,
}


def _entry(text: str, number: bool) -> Scalar:
    found = plain_number(text) if number else None
    return text if found is None else found
