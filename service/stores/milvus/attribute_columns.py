"""The attributes that filters ask for, by row and in memory, for a collection of Milvus Lite.

Lite reads the JSON of every row for every condition on an attribute: 0.9 s at 20,000 rows, where a search takes 0.04 s.
So such a condition is decided here, once for each value that the attribute has, and becomes a list of keys, which Lite
compares all at once. A folder of Lite belongs to one process, so that all changes pass by here.

A column is four bytes a row and the attribute's distinct values. It is read when a filter first asks for it.
"""

from __future__ import annotations

import json
import threading
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from service.product import Attributes, AttributeValue, Product
from service.stores.filter_evaluation import compares, matches
from service.stores.filters import Filter
from service.stores.milvus.filter_compiler import any_of

MOST_COLUMNS = 32
"""Attributes kept at once; the one that no filter has asked for the longest goes first."""

_SLACK = 4096
ID, TITLE, CATEGORY, PRICE = "\nid", "\ntitle", "\ncategory", "\nprice"
"""Columns of fields of products; no attribute has such a name. Ids need none: a row's key says its product's."""

ColumnsOfRow = tuple[str, Attributes]
"""A row's key, and the values of its product by column."""


class AttributeColumns:
    """The columns of one collection. Safe to use from several threads; one at a time may change rows."""

    def __init__(self) -> None:
        """No column is there yet."""
        self._lock = threading.Lock()
        self._numbers: dict[str, int]
        self._keys: list[str]
        self._columns: OrderedDict[str, _Column]
        self._clear()

    def missing(self, names: Iterable[str]) -> list[str]:
        """Those of these attributes that are to be read before `test` can decide."""
        with self._lock:
            return [name for name in names if name != ID and name not in self._columns]

    def read(self, names: Iterable[str], rows: Iterable[ColumnsOfRow]) -> None:
        """Read columns, and again those that there are, out of all rows. No row may change meanwhile."""
        with self._lock:
            kept = [name for name in self._columns if name not in set(names)]
        columns = OrderedDict((name, _Column()) for name in [*kept, *names][-MOST_COLUMNS:])
        numbers: dict[str, int] = {}
        for key, attributes in rows:
            number = numbers.setdefault(key, len(numbers))
            for name, column in columns.items():
                column.put(number, attributes.get(name))
        with self._lock:
            self._numbers, self._keys, self._columns = numbers, list(numbers), columns

    def wrote(self, rows: Iterable[ColumnsOfRow]) -> None:
        """Rows are there, new or in place of others with their keys."""
        with self._lock:
            if not self._columns:
                return
            for key, attributes in rows:
                if key not in self._numbers:
                    self._numbers[key] = len(self._keys)
                    self._keys.append(key)
                for name, column in self._columns.items():
                    column.put(self._numbers[key], attributes.get(name))
            most = 2 * len(self._numbers) + _SLACK
            if len(self._keys) > most or any(column.distinct > most for column in self._columns.values()):
                self._clear()  # most of it is about rows and values that are gone: read again when it is asked for

    def deleted(self, keys: Iterable[str]) -> None:
        """Rows are gone. Their numbers are not given out again."""
        with self._lock:
            for key in keys:
                self._numbers.pop(key, None)

    def forget(self) -> None:
        """Everything: what the rows are is not known any more."""
        with self._lock:
            self._clear()

    def test(self, name: str, operator: str, wanted: Any, positive: bool) -> str:
        """The expression for the rows of which a condition holds, or with `positive` False its negation.

        KeyError for a column that was not read, or is gone since.
        """
        with self._lock:
            self._columns.move_to_end(name)
            numbers = np.fromiter(self._numbers.values(), np.int64, len(self._numbers))
            passing = self._columns[name].passing(lambda value: compares(value, operator, wanted, positive), numbers)
            chosen = numbers[passing]
            excluding = 2 * len(chosen) > len(numbers)
            listed = [self._keys[number] for number in (numbers[~passing] if excluding else chosen)]
        expression = any_of("id", listed or [""])
        return f"not ({expression})" if excluding else expression

    def passing(self, keys: Mapping[str, str], filter: Filter) -> list[str]:
        """The ids of the products that there are and that pass a filter; `keys`: ids by the keys of their rows.

        Products with the same values pass alike. KeyError for a column that was not read, or is gone since.
        """
        names, known, passing = set(filter_columns(filter)), dict[object, bool](), list[str]()
        if names <= {ID}:  # which rows there are is known by columns alone
            return [id for id in keys.values() if matches(filter, _product(id, {}))]
        with self._lock:
            columns = {name: self._columns[name] for name in names - {ID}}
            for name in columns:
                self._columns.move_to_end(name)
            for id, number in [(id, self._numbers[key]) for key, id in keys.items() if key in self._numbers]:
                same = id if ID in names else "", *(column.code(number) for column in columns.values())
                if same not in known:
                    values = {name: column.value(number) for name, column in columns.items()}
                    known[same] = matches(filter, _product(id, values))
                if known[same]:
                    passing.append(id)
        return passing

    def _clear(self) -> None:
        self._numbers, self._keys, self._columns = {}, [], OrderedDict()


class _Column:
    """The values of one attribute: by row a number, and by number a value; 0 is for rows that have none."""

    def __init__(self) -> None:
        self._codes = array("i")
        self._values: list[AttributeValue | None] = [None]
        self._code_of: dict[str, int] = {}

    @property
    def distinct(self) -> int:
        """Values that rows have or had."""
        return len(self._values)

    def put(self, number: int, value: AttributeValue | None) -> None:
        """The value of a row."""
        if number >= len(self._codes):
            self._codes.extend([0] * (number + 1 - len(self._codes)))
        self._codes[number] = 0 if value is None else self._code(value)

    def code(self, number: int) -> int:
        """The number of a row's value."""
        return self._codes[number] if number < len(self._codes) else 0

    def value(self, number: int) -> AttributeValue | None:
        """A row's value."""
        return self._values[self.code(number)]

    def passing(self, holds: Callable[[AttributeValue | None], bool], numbers: Any) -> Any:
        """Which of these rows have a value that passes, bool [n]."""
        passes = np.fromiter(map(holds, self._values), np.bool_, len(self._values))
        codes = np.zeros(max(len(self._codes), int(numbers.max(initial=-1)) + 1), np.int32)
        codes[: len(self._codes)] = self._codes
        return passes[codes[numbers]]

    def _code(self, value: AttributeValue) -> int:
        text = json.dumps(value)  # true is not 1, as keys of a dictionary they would be equal
        if text not in self._code_of:
            self._code_of[text] = len(self._values)
            self._values.append(value)
        return self._code_of[text]


def columns_of(product: Product) -> Attributes:
    """The values of a product by column."""
    fields = {CATEGORY: product.category, PRICE: product.price, TITLE: product.title}
    return {**product.attributes, **{name: value for name, value in fields.items() if value is not None}}


def _product(id: str, values: dict[str, Any]) -> Product:
    """A product with the values of some columns."""
    title, category, price = (values.pop(name, None) for name in (TITLE, CATEGORY, PRICE))
    attributes = {name: value for name, value in values.items() if value is not None}
    return Product.model_construct(
        id=id, title=title or "", category=category, price=price, attributes=attributes, image_key=""
    )


def filter_columns(filter: Filter) -> Iterator[str]:
    """The columns that decide a filter, each maybe several times."""
    own = {ID: filter.id, CATEGORY: filter.category, PRICE: filter.price, TITLE: filter.title}
    yield from (name for name, condition in own.items() if condition is not None)
    yield from filter.attributes or ()
    for part in filter.parts:
        yield from filter_columns(part)


def attribute_names(filter: Filter) -> Iterator[str]:
    """The attributes that a filter has conditions on, each maybe several times."""
    return (name for name in filter_columns(filter) if name not in (ID, TITLE, CATEGORY, PRICE))
