"""The lines of a feed grouped by product: a field applies to all images of the product, whichever line brings it.

A first pass over the feed collects, a second one asks. The lines of one product need not be adjacent. What is
collected is stored in a temporary file of SQLite's own, so memory use does not grow with the feed.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from service.catalog.formats.joins import Join
from service.catalog.rows import FeedRow, InvalidField
from service.errors import FeedError
from service.product import Product

_ATTRIBUTE = "attributes."
_CACHE_KIB = 16 * 1024
_SHOWN_CHARS = 40
_NO_ROOM = "The fields of the feed's products do not fit into the temporary folder. Free some space, or set TMPDIR."


Rule = Callable[[str], Join | None]
"""How the values that several lines give for a field become one; None: they must be equal."""


def no_rule(_: str) -> Join | None:
    """All lines of a product must agree."""
    return None


@dataclass(slots=True)
class Joined:
    """The fields of one product, each with the line that brought it, and how many images its lines have.

    `line` is the first one, and `rule` says which fields may have several values, and what becomes of them. `changed`:
    not kept yet.
    """

    rule: Rule
    values: dict[str, tuple[Any, int]] = field(default_factory=dict)
    images: int = 0
    line: int | None = None
    changed: bool = False

    def conflict(self, line: FeedRow) -> InvalidField | None:
        """How a line differs from those before it; None if it does not."""
        for name, value in _values(line.product).items():
            known, first = self.values.get(name, (value, 0))
            if not _same(known, value) and self.rule(name.removeprefix(_ATTRIBUTE)) is None:
                return InvalidField(
                    name.removeprefix(_ATTRIBUTE),
                    f"line {first} gives this id another {name.removeprefix(_ATTRIBUTE)}: {_shown(known)}, here "
                    f"{_shown(value)}. All images of a product share its fields: give the line its own id, or leave "
                    "the column out",
                )
        return None

    def add(self, line: FeedRow) -> None:
        """A line that does not differ. What it has in addition is the product's from now on."""
        for name, value in _values(line.product).items():
            known, first = self.values.setdefault(name, (value, line.line))
            rule = self.rule(name.removeprefix(_ATTRIBUTE))
            if first != line.line and rule is not None:
                self.values[name] = rule(known, value), first
        self.line = line.line if self.line is None else self.line
        self.images += len(line.images)
        self.changed = True

    def fields(self) -> dict[str, Any]:
        """The product's fields, without its id."""
        fields = {name: value for name, (value, _) in self.values.items() if not name.startswith(_ATTRIBUTE)}
        named = {name: value for name, (value, _) in self.values.items() if name.startswith(_ATTRIBUTE)}
        return {**fields, "attributes": {name.removeprefix(_ATTRIBUTE): value for name, value in named.items()}}


class ProductLines:
    """All products of a feed by id. Raises `FeedError` if there is no room for temporary files."""

    def __init__(self, rule: Rule = no_rule) -> None:
        """An empty temporary file, which goes with `close` or with the process. `rule`: see `Joined`."""
        self._rule = rule
        try:
            self._db = _temporary()
        except sqlite3.Error as error:
            raise FeedError(_NO_ROOM) from error
        self._id: str | None = None
        self._joined = Joined(rule)

    def add(self, line: FeedRow) -> None:
        """Collect a line, unless it contradicts an earlier one of its product."""
        self._turn_to(line.product.id)
        if self._joined.conflict(line) is None:
            self._joined.add(line)

    def get(self, id: str) -> Joined:
        """What the lines of a product say together; of an unknown one, nothing."""
        self._turn_to(id)
        return self._joined

    def known(self, ids: Sequence[str]) -> set[str]:
        """Those of these products that the feed has; a thousand ids at most."""
        places = ", ".join("?" * len(ids))
        found = self._db.execute(f"SELECT id FROM products WHERE id IN ({places})", tuple(ids))
        return {id for (id,) in found} | (
            {self._id} if self._id is not None and self._joined.line is not None else set()
        )

    def ids(self) -> Iterator[str]:
        """The ids of all products, in no order."""
        if self._id is not None:
            self._keep(self._id, self._joined)
        return (id for (id,) in self._db.execute("SELECT id FROM products"))

    def close(self) -> None:
        """Delete the temporary file."""
        self._db.close()

    def _turn_to(self, id: str) -> None:
        """Lines of one product mostly follow one another, so the one at hand is kept in memory."""
        if id == self._id:
            return
        try:
            if self._id is not None and self._joined.changed:
                self._keep(self._id, self._joined)
            self._id, self._joined = id, self._stored(id)
        except sqlite3.Error as error:
            raise FeedError(_NO_ROOM) from error

    def _keep(self, id: str, joined: Joined) -> None:
        row = (id, joined.images, joined.line, json.dumps(joined.values, ensure_ascii=False))
        self._db.execute("INSERT OR REPLACE INTO products VALUES (?, ?, ?, ?)", row)

    def _stored(self, id: str) -> Joined:
        row = self._db.execute("SELECT images, line, fields FROM products WHERE id = ?", (id,)).fetchone()
        if row is None:
            return Joined(self._rule)
        images, first, fields = row
        values = {name: (value, line) for name, (value, line) in json.loads(fields).items()}
        return Joined(self._rule, values, images, first)


def _temporary() -> sqlite3.Connection:
    """A database in a file without a name. The thread that reads a feed may be another than the one that opened it."""
    db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    db.execute("PRAGMA journal_mode = OFF")  # nothing is ever rolled back
    db.execute("CREATE TABLE products (id TEXT PRIMARY KEY, images INTEGER, line INTEGER, fields TEXT)")
    return db


def _values(product: Product) -> dict[str, Any]:
    """The fields that a line gives, by name."""
    known = {"title": product.title or None, "category": product.category, "price": product.price}
    given = {name: value for name, value in known.items() if value is not None}
    return {**given, **{_ATTRIBUTE + name: value for name, value in product.attributes.items()}}


def _same(one: Any, other: Any) -> bool:
    """Equality of JSON values, of which true is not 1."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"
