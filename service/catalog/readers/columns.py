"""How the columns of a feed are to be read: their names, the feed's and ours, their types, and the feed's format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from service.catalog.column_names import column_name
from service.catalog.column_types import Kind
from service.catalog.formats import PLAIN, FeedFormat, detect
from service.catalog.formats.feed_format import fold
from service.catalog.prices import Decimal
from service.errors import FeedError

WELL_KNOWN_IDS = ("sku", "product_id", "item_id", "handle", "asin")
"""Columns, in upper or lower case, that are used as the id if a feed has no `id`; the first of these that it has."""


class DoubledColumnError(ValueError):
    """Two columns map to the same name of ours; the text says which."""


@dataclass(frozen=True)
class Columns:
    """The columns of a feed to read, and their names.

    `sources` renames: `{"title": ("name",)}` reads the feed's `name` as the title, and the feed's own `title` is left
    out; the first filled one of several counts, and of images all. Several of ours may come from one of the feed's.
    `without` are columns of the feed that are left out, `kinds` the types that attributes are to have. `format` and
    `decimal` None: what the feed itself shows.
    """

    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    format: FeedFormat | None = None
    decimal: Decimal | None = None

    @property
    def taken(self) -> frozenset[str]:
        """Columns of the feed that are read under another name."""
        return frozenset(name for names in self.sources.values() for name in names)

    def check(self, names: Sequence[str]) -> None:
        """Raise `FeedError` if a feed that declares its columns lacks one that an option names,
        or has two of one name.
        """
        stripped = [name.strip() for name in names]
        for option, wanted in (("column", self.taken), ("without", self.without)):
            missing = next((name for name in sorted(wanted) if name not in stripped), None)
            if missing is not None:
                raise FeedError(f"The feed has no column {missing[:100]!r}. Correct the --{option} option.")
        named = [name for name in stripped if name]
        try:
            if len(set(named)) < len(named):
                raise DoubledColumnError(repr(next(name for name in named if named.count(name) > 1)))
            ours = self.rename(dict.fromkeys(named))
        except DoubledColumnError as error:
            raise FeedError(f"Two columns of the feed are called {error}. Rename one, or leave it out.") from error
        missing = next((name for name in self.kinds if name not in ours), None)
        if missing is not None and self.format == PLAIN:
            raise FeedError(f"The feed has no column {missing[:100]!r}. Correct the --type option.")

    def of_feed(self, names: Sequence[str]) -> Columns:
        """The same for a feed with these columns, with its format and the column of its ids.

        Without an id column, ids are derived from something else.
        """
        format = self.format or detect(name for name in names if name.strip() not in self.without)
        columns = replace(self, format=format)
        id = columns.id_column(names)
        if id is None or id.lower() == "id" or "id" in self.sources or format.note is not None:
            return columns
        return replace(columns, sources={"id": (id,), **self.sources})

    def source(self, ours: str, names: Iterable[str]) -> str | None:
        """The feed's name of a known column of ours; None if the feed has none."""
        if ours in self.sources:
            return self.sources[ours][0]
        left = self._left(names)
        known = next((name for name in left if column_name(name) == ours), None)
        if known is not None or self.format is None:
            return known
        usual = {"image": self.format.images, "id": self.format.ids}.get(ours, ())
        by_name = {fold(name): name for name in reversed(left)}
        return next((by_name[name] for name in usual if name in by_name), None)

    def id_column(self, names: Sequence[str]) -> str | None:
        """The column of the feed that holds the ids; None if there is none."""
        by_name = {name.lower(): name for name in reversed(self._left(names))}
        well_known = next((by_name[name] for name in WELL_KNOWN_IDS if name in by_name), None)
        return self.source("id", names) or well_known

    def rename(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """One row under our names; those that have no name are left out. Raises DoubledColumnError."""
        taken = self.taken
        found: dict[str, Any] = {}
        for name, value in fields.items():
            theirs = name.strip()
            ours = column_name(name)
            if not theirs or theirs in taken or theirs in self.without or ours in self.sources:
                continue
            if ours in found:
                raise DoubledColumnError(repr(ours[:100]))
            found[ours] = value
        return {**found, **self._renamed(fields)} if taken else found

    def _renamed(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        by_name = {name.strip(): value for name, value in fields.items()}
        named = {ours: [by_name[name] for name in names if name in by_name] for ours, names in self.sources.items()}
        return {ours: _one(ours, values) for ours, values in named.items() if values}

    def _left(self, names: Iterable[str]) -> list[str]:
        """The names of the feed that keep their own meaning."""
        return [name for name in map(str.strip, names) if name not in self.without | self.taken]


def _one(ours: str, values: Sequence[Any]) -> Any:
    """The first filled value; of several image columns all of them."""
    filled = [value for value in values if value is not None and value != ""]
    if ours != "image" or len(values) == 1:
        return filled[0] if filled else values[0]
    return [image for value in filled for image in (value if isinstance(value, list) else [value])]
