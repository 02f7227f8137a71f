"""The interface of a feed reader."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from service.catalog.rows import Reject


@dataclass(frozen=True, slots=True)
class RawLine:
    """The content of one line, under the feed's own names and not checked.

    `line` counts from 1 (the header of a CSV file is line 1); in a JSON array or a folder it is the item's number.
    """

    line: int
    fields: dict[str, Any]


class Reader(Protocol):
    """A feed of one form. It may be gone through several times."""

    textual: bool
    """All values are texts."""

    numbered: bool
    """Lines without an id, and without a path to derive one from, use their number."""

    declares: bool
    """The feed declares its columns, so a column named by an option must be one of them."""

    def names(self) -> list[str]:
        """The columns of the feed, or of its first lines if it does not declare them."""
        ...

    def lines(self) -> Iterator[RawLine | Reject]:
        """The content of the feed, one line at a time. Raises FeedError if it is damaged."""
        ...

    def notes(self) -> list[str]:
        """What was left out of the feed, and why."""
        ...
