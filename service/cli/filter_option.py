"""`--filter` of the commands."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from service.errors import InvalidValue
from service.stores.filters import Filter, parse_filter

Where = Annotated[str | None, typer.Option("--filter", help='Conditions as JSON, such as \'{"price": {"lte": 30}}\'.')]


def filter_of(where: str | None) -> Filter | None:
    """The filter. Raises InvalidValue, FilterError."""
    if where is None:
        return None
    try:
        data = json.loads(where)
    except ValueError as error:
        raise InvalidValue('--filter is not JSON. Write it like \'{"category": {"eq": "mug"}}\'.') from error
    return parse_filter(data)
