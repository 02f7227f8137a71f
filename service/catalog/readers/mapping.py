"""The options of a feed: from the command line, and from a small TOML file of the same names.

format = "google"
decimal = "comma"
without = ["internal_note"]

[columns]
title = "Product name"
price = ["sale_price", "price"]

[types]
sizes = "list"
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.catalog.column_names import column_name
from service.catalog.column_types import Kind
from service.catalog.formats import format_named
from service.catalog.prices import Decimal
from service.catalog.readers.columns import Columns
from service.errors import FeedError
from service.support.first_fault import first_fault

_ONE_COLUMN = "Write each column as --column title=name: our name, an equals sign, the feed's name."
_ONE_TYPE = f"Write each type as --type name=kind, with one of these kinds: {', '.join(Kind)}."

_Name = Annotated[str, Field(min_length=1)]


class Mapping(BaseModel):
    """A mapping file. What is not in it is as the feed shows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: str | None = None
    decimal: Decimal | None = None
    without: list[_Name] = []
    columns: dict[_Name, _Name | Annotated[list[_Name], Field(min_length=1)]] = {}
    types: dict[_Name, Kind] = {}

    @classmethod
    def read(cls, path: Path) -> Mapping:
        """A file. Raises `FeedError`, which says where it is wrong."""
        try:
            return cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except OSError as error:
            raise FeedError("The mapping file cannot be opened. Correct --mapping.") from error
        except ValidationError as error:
            first = first_fault(error)
            place = ".".join(str(part) for part in first["loc"])
            raise FeedError(f"The mapping file is wrong at `{place}`: {first['msg']}.") from error
        except ValueError as error:
            raise FeedError("The mapping file is not TOML in UTF-8. Correct it.") from error


def parse_columns(
    columns: Iterable[str] = (),
    *,
    without: Iterable[str] = (),
    types: Iterable[str] = (),
    format: str | None = None,
    decimal: Decimal | None = None,
    mapping: Path | None = None,
) -> Columns:
    """The options, such as `title=name` and `size=list`, before those of a mapping file. Raises `FeedError`."""
    file = Mapping() if mapping is None else Mapping.read(mapping)
    kinds = _pairs(types, _ONE_TYPE)
    if not set(kinds.values()) <= set(Kind):
        raise FeedError(_ONE_TYPE)
    named: dict[str, str | list[str]] = {**file.columns, **_pairs(columns, _ONE_COLUMN)}
    chosen = format or file.format
    return Columns(
        sources={column_name(ours): _names(theirs) for ours, theirs in named.items()},
        without=frozenset(name.strip() for name in [*file.without, *without]),
        kinds={column_name(name): Kind(kind) for name, kind in {**file.types, **kinds}.items()},
        format=format_named(chosen) if chosen is not None else None,
        decimal=decimal or file.decimal,
    )


def _names(theirs: str | list[str]) -> tuple[str, ...]:
    return tuple(name.strip() for name in ([theirs] if isinstance(theirs, str) else theirs))


def _pairs(options: Iterable[str], advice: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for option in options:
        name, equals, value = (part.strip() for part in option.partition("="))
        if not (name and equals and value) or name in pairs:
            raise FeedError(advice)
        pairs[name] = value
    return pairs
