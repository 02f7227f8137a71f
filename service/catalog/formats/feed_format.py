"""What a published feed format is: how its lines are recognized, and how they become ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from service.catalog.column_types import Kind
from service.catalog.formats.joins import Join

Fields = dict[str, Any]

_URL_LIST = re.compile(r"[,;|]?\s+(?=https?://)|[,;|](?=https?://)")


@dataclass(frozen=True, slots=True)
class FeedFormat:
    """`signatures`: a feed that has all columns of one of these sets, by their folded names, is in this format.

    `images` and `ids` are the folded names of the columns that hold the first image and the id, the best first.
    `read` takes a line under the feed's names, where those of `id`, `title`, `category`, `price`, `image` and
    `attributes` are ours already, and gives it under our names. `complete` takes the fields that all lines of a product
    give together. `joins`: see `service.catalog.formats.joins`; `join` is the rule for fields that are not named there.
    """

    name: str
    title: str
    signatures: tuple[Set[str], ...] = ()
    images: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    joins: Mapping[str, Join] = field(default_factory=dict)
    join: Join | None = None
    read: Callable[[Fields], Fields] = dict
    complete: Callable[[Fields], Fields] = dict
    note: str | None = None

    def matches(self, names: Iterable[str]) -> bool:
        """Whether a feed with these columns is in this format."""
        folded = {fold(name) for name in names}
        return any(signature <= folded for signature in self.signatures)

    def rule(self, name: str) -> Join | None:
        """How several values of a field become one; None: they must be equal."""
        return self.joins.get(name, None if name == "title" else self.join)


PLAIN = FeedFormat("plain", "columns as they are")
"""A feed in no published format."""


def fold(name: str) -> str:
    """A column's name for comparison: `Image Link`, `g:image_link` and `image_link` are one."""
    return name.strip().lower().removeprefix("g:").replace(" ", "_").replace("-", "_")


def folded(fields: Fields) -> dict[str, Any]:
    """The filled fields of a line by their folded names."""
    return {fold(name): value for name, value in fields.items() if value not in (None, "", [])}


def take(fields: Fields, *names: str) -> Any:
    """Remove these fields; the first filled one of them, or None."""
    found = [fields.pop(name, None) for name in names]
    return next((value for value in found if value not in (None, "", [])), None)


def links(*values: Any) -> list[Any]:
    """The images in several fields, each once. A text may hold several URLs, which may have commas of their own, or
    several paths with commas between them.
    """
    found: list[Any] = []
    for value in values:
        for one in value if isinstance(value, list) else [value]:
            found += _links(one) if isinstance(one, str) else [one]
    return [one for place, one in enumerate(found) if one is not None and one not in found[:place]]


def entries(value: Any) -> list[str]:
    """The entries of a list that is written with commas; a backslash before a comma makes it a plain character."""
    if isinstance(value, list):
        return [str(entry) for entry in value]
    texts = re.split(r"(?<!\\),", str(value)) if value is not None else []
    return [text.replace("\\,", ",").strip() for text in texts if text.strip()]


def filled(fields: Fields) -> Fields:
    """Without what is empty."""
    return {name: value for name, value in fields.items() if value not in (None, "", [])}


def _links(text: str) -> list[str]:
    if text[:5].lower() == "data:":
        return [text]
    parts = _URL_LIST.split(text.strip()) if "://" in text else text.split(",")
    return [part.strip() for part in parts if part.strip()]
