"""Names of columns, as the feed has them and as we call them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from service.errors import FeedError


class Columns:
    """Renames columns: ``{"title": "name"}`` reads the feed's ``name`` as the title.

    The feed's own column of a name that is taken by a renamed one is left out. All other columns keep their names.
    """

    def __init__(self, sources: Mapping[str, str] | None = None) -> None:
        """``sources``: our name → the feed's. Several of ours may come from one of the feed's."""
        self._sources = dict(sources or {})

    @classmethod
    def parse(cls, options: Iterable[str]) -> "Columns":
        """From texts like ``title=name``. Raises :class:`~service.errors.FeedError`."""
        sources: dict[str, str] = {}
        for option in options:
            ours, equals, theirs = (part.strip() for part in option.partition("="))
            if not (ours and equals and theirs) or ours in sources:
                raise FeedError("Write each column as --column title=name: our name, an equals sign, the feed's name.")
            sources[ours] = theirs
        return cls(sources)

    def check(self, names: Sequence[str]) -> None:
        """Raise :class:`~service.errors.FeedError` if a feed that declares its columns lacks a renamed one."""
        missing = [theirs for theirs in self._sources.values() if theirs not in names]
        if missing:
            raise FeedError(f"The feed has no column {missing[0][:100]!r}. Correct the --column option.")

    def rename(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """One row under our names."""
        if not self._sources:
            return dict(fields)
        taken = {*self._sources.values()}
        ours = {name.lower() for name in self._sources}
        kept = {name: value for name, value in fields.items() if name not in taken and name.strip().lower() not in ours}
        return {**kept, **{ours: fields[theirs] for ours, theirs in self._sources.items() if theirs in fields}}
