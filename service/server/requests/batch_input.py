"""Reads the searches of a batch: each is checked by itself, so that one that is not valid costs no other its answer."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from litestar import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.errors import InvalidInput, WithThisError
from service.search.types import SearchRequest
from service.server.defaults import RequestDefaults
from service.server.mapping.search_request import to_request
from service.server.requests.body import parsed, read_body, require_json
from service.server.requests.validation import parse_body, to_problem
from service.wire.limits import MAX_BATCH_SEARCHES
from service.wire.search import SearchBody

MAX_FAULTS = 3
"""Faults listed for one of many searches."""

GivenSearch = SearchRequest | WithThisError
"""A search, or why it is refused."""


class _Envelope(BaseModel):
    """The body, with its searches not yet checked."""

    model_config = ConfigDict(extra="forbid")

    searches: Annotated[list[Any], Field(min_length=1, max_length=MAX_BATCH_SEARCHES)]


async def read_batch(request: Request[Any, Any, Any], defaults: RequestDefaults) -> list[GivenSearch]:
    """The searches in their order.

    Raises:
        InvalidInput: the body is not a list of searches at all.
        HTTPException: 415 for another content type.
    """
    require_json(request)
    raw = await read_body(request, defaults.max_body_bytes)
    return await parsed(len(raw), partial(_searches, raw, defaults))


def _searches(raw: bytes, defaults: RequestDefaults) -> list[GivenSearch]:
    return [_search(value, defaults) for value in parse_body(_Envelope, raw).searches]


def _search(value: Any, defaults: RequestDefaults) -> GivenSearch:
    try:
        return to_request(SearchBody.model_validate(value), None, defaults)
    except ValidationError as error:
        return to_problem(error, lambda: value, MAX_FAULTS)
    except InvalidInput as error:
        return error
