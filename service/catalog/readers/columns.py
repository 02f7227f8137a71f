"""Names of columns: the feed's and ours."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from service.catalog.column_names import column_name
from service.catalog.column_types import Kind
from service.errors import FeedError

WELL_KNOWN_IDS = ("sku", "product_id", "item_id", "handle", "asin")
"""Columns, in upper or lower case, that are used as the id if a feed has no `id`; the first of these that it has."""

_ONE_COLUMN = "Write each column as --column title=name: our name, an equals sign, the feed's name."
_ONE_TYPE = f"Write each type as --type name=kind, with one of these kinds: {', '.join(Kind)}."


class DoubledColumnError(ValueError):
    """Two columns map to the same name of ours; the text says which."""


class Columns:
    """The columns of a feed to read, and their names.

    `sources` renames: `{"title": "name"}` reads the feed's `name` as the title, and the feed's own `title` is
    left out. `without` are columns of the feed that are left out, `kinds` the types that attributes are to have.
    """

    def __init__(
        self,
        sources: Mapping[str, str] | None = None,
        *,
        without: Iterable[str] = (),
        kinds: Mapping[str, Kind] | None = None,
    ) -> None:
        """`sources`: our name → the feed's. Several of ours may come from one of the feed's."""
        self._sources = {column_name(ours): theirs.strip() for ours, theirs in (sources or {}).items()}
        self._without = frozenset(without)
        self.kinds: Mapping[str, Kind] = dict(kinds or {})

    @classmethod
    def parse(cls, options: Iterable[str], *, without: Iterable[str] = (), types: Iterable[str] = ()) -> "Columns":
        """From texts like `title=name` and `size=list`. Raises `FeedError`."""
        kinds = _pairs(types, _ONE_TYPE)
        if not set(kinds.values()) <= set(Kind):
            raise FeedError(_ONE_TYPE)
        return cls(
            _pairs(options, _ONE_COLUMN),
            without=[name.strip() for name in without],
            kinds={column_name(name): Kind(kind) for name, kind in kinds.items()},
        )

    def check(self, names: Sequence[str]) -> None:
        """Raise `FeedError` if a feed that declares its columns lacks one that an option names,
        or has two of one name.
        """
        stripped = [name.strip() for name in names]
        for option, wanted in (("column", self._sources.values()), ("without", self._without)):
            missing = next((name for name in wanted if name not in stripped), None)
            if missing is not None:
                raise FeedError(f"The feed has no column {missing[:100]!r}. Correct the --{option} option.")
        named = [name for name in stripped if name]
        try:
            if len(set(named)) < len(named):
                raise DoubledColumnError(next(name for name in named if named.count(name) > 1))
            ours = self.rename(dict.fromkeys(named))
        except DoubledColumnError as error:
            raise FeedError(f"Two columns of the feed are called {error}. Rename one, or leave it out.") from error
        missing = next((name for name in self.kinds if name not in ours), None)
        if missing is not None:
            raise FeedError(f"The feed has no column {missing[:100]!r}. Correct the --type option.")

    def source(self, ours: str, names: Iterable[str]) -> str | None:
        """The feed's name of a known column of ours; None if the feed has none."""
        if ours in self._sources:
            return self._sources[ours]
        return next((name for name in self._left(names) if column_name(name) == ours), None)

    def id_column(self, names: Sequence[str]) -> str | None:
        """The column of the feed that holds the ids; None if there is none, so that ids are derived from something
        else.
        """
        by_name = {name.lower(): name for name in reversed(self._left(names))}
        well_known = next((by_name[name] for name in WELL_KNOWN_IDS if name in by_name), None)
        return self.source("id", names) or well_known

    def with_id(self, column: str) -> "Columns":
        """The same, with the ids from this column of the feed."""
        if column.lower() == "id" or "id" in self._sources:
            return self
        return Columns({"id": column, **self._sources}, without=self._without, kinds=self.kinds)

    def _left(self, names: Iterable[str]) -> list[str]:
        """The names of the feed that keep their own meaning."""
        return [name for name in map(str.strip, names) if name not in self._without | {*self._sources.values()}]

    def rename(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """One row under our names; those that have no name are left out. Raises DoubledColumnError."""
        taken = {*self._sources.values()}
        found: dict[str, Any] = {}
        for name, value in fields.items():
            theirs = name.strip()
            ours = column_name(name)
            if not theirs or theirs in taken or theirs in self._without or ours in self._sources:
                continue
            if ours in found:
                raise DoubledColumnError(repr(ours[:100]))
            found[ours] = value
        stripped = {name.strip(): value for name, value in fields.items()} if taken else {}
        return {**found, **{ours: stripped[name] for ours, name in self._sources.items() if name in stripped}}


def _pairs(options: Iterable[str], advice: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for option in options:
        name, equals, value = (part.strip() for part in option.partition("="))
        if not (name and equals and value) or name in pairs:
            raise FeedError(advice)
        pairs[name] = value
    return pairs
