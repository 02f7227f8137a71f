"""A feed's fields as they are read: how many products have each, of which type, and the first different values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from service.catalog.column_types import kind_of
from service.catalog.rows import FeedRow, Reject
from service.product import Product

_SHOWN_VALUES = 3
_SHOWN_CHARS = 60
_MAX_FIELDS = 500


@dataclass(slots=True)
class FieldSample:
    """`filled`: products that have the field; `types`: how many of them have a value of each type."""

    name: str
    filled: int = 0
    types: dict[str, int] = field(default_factory=dict)
    values: list[str] = field(default_factory=list)

    def see(self, value: Any) -> None:
        """One product's value."""
        self.filled += 1
        kind = str(kind_of(value))
        self.types[kind] = self.types.get(kind, 0) + 1
        shown = str(value)
        shown = shown if len(shown) <= _SHOWN_CHARS else f"{shown[:_SHOWN_CHARS]}…"
        if len(self.values) < _SHOWN_VALUES and shown not in self.values:
            self.values.append(shown)


class FieldSamples:
    """Watches rows on their way."""

    def __init__(self) -> None:
        self._fields: dict[str, FieldSample] = {}
        self._last: str | None = None

    @property
    def fields(self) -> list[FieldSample]:
        """The fields, in the order in which they were met."""
        return list(self._fields.values())

    def watch(self, lines: Iterable[FeedRow | Reject]) -> Iterator[FeedRow | Reject]:
        """The lines as they are. Images of one product mostly follow one another, and count once."""
        for line in lines:
            if isinstance(line, FeedRow) and line.product.id != self._last:
                self._last = line.product.id
                self._see(line.product)
            yield line

    def _see(self, product: Product) -> None:
        known = {"id": product.id, "title": product.title, "category": product.category, "price": product.price}
        for name, value in {**known, **product.attributes}.items():
            if value is not None and value != "" and (name in self._fields or len(self._fields) < _MAX_FIELDS):
                self._fields.setdefault(name, FieldSample(name)).see(value)
