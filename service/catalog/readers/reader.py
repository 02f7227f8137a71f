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
    """Lines without an id, and without a path to make one of, have their number for one."""

    declares: bool
    """The feed says which columns it has, so that a column that an option names must be one of them."""

    def names(self) -> list[str]:
        """The columns of the feed, or of its first lines where it does not declare them."""
        ...

    def lines(self) -> Iterator[RawLine | Reject]:
        """The content of the feed, one line at a time. Raises FeedError where it is damaged."""
        ...

    def count(self) -> int:
        """How many lines there are; a close guess for a damaged file."""
        ...

    def notes(self) -> list[str]:
        """What was left out of the feed, and why."""
        ...
