"""Reads the two formats of a search request: a JSON body, or multipart with the parts `image` and `query`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from litestar import Request

from service.errors import InvalidInput, UnknownField
from service.images.sources import UploadedImage
from service.server.requests.body import read_json, read_parts
from service.server.requests.multipart import MULTIPART, Part
from service.server.requests.validation import parse_body
from service.wire.search import SearchBody

PARTS = "A multipart request has a part named query (JSON), a part named image (a file), or both, each once."

MAX_SEARCH_TOKENS = 10_000
"""A filter of as many conditions as are allowed, each written out in full, is a few thousand."""


async def read_search(request: Request[Any, Any, Any], limit: int) -> tuple[SearchBody, UploadedImage | None]:
    """The validated body, and the image of a form (still encoded). `limit` is in bytes.

    Raises:
        InvalidInput: the request is not valid.
        HTTPException: 415 for another content type.
    """
    if request.content_type[0] == MULTIPART:
        return _from_parts(await read_parts(request, limit, most=2))
    return await read_json(request, SearchBody, limit, max_tokens=MAX_SEARCH_TOKENS), None


def _from_parts(parts: Sequence[Part]) -> tuple[SearchBody, UploadedImage | None]:
    by_name = {part.name: part for part in parts}
    if by_name.keys() - {"query", "image"}:
        raise UnknownField(PARTS)
    if not parts or len(by_name) < len(parts):
        raise InvalidInput(PARTS)
    image, query = by_name.get("image"), by_name.get("query")
    body = parse_body(SearchBody, query.text if query else "{}", max_tokens=MAX_SEARCH_TOKENS)
    return body, UploadedImage(image.data) if image else None
