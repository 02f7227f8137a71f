"""A filter as a query parameter."""

from __future__ import annotations

from typing import Annotated

from litestar.params import QueryParameter

from service.errors import FilterError
from service.server.requests.validation import load_json
from service.stores.filters import Filter, parse_filter

FilterParameter = Annotated[str | None, QueryParameter(description="JSON, as in a search", max_length=20_000)]


def filter_of(text: str | None) -> Filter | None:
    """The filter; none for an empty text. Raises FilterError."""
    if not text:
        return None
    try:
        return parse_filter(load_json(text))
    except ValueError as error:
        raise FilterError from error
