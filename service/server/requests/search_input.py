"""Reads the two formats of a search request: a JSON body, or multipart with the parts `image` and `query`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from litestar import Request

from service.errors import InvalidInput, InvalidValue, UnknownField
from service.images.sources import UploadedImage
from service.search.types import ImageSource
from service.server.mapping.search_request import image_source
from service.server.requests.body import read_json, read_parts
from service.server.requests.multipart import MULTIPART, Part
from service.server.requests.validation import parse_body
from service.wire.search import ImageBody, SearchBody

ONE_IMAGE = "Give exactly one of image.data, image.url and image.product_id."
TWO_IMAGES = "The image was given twice. Send either the part named image or the field image of query, not both."
PARTS = "A multipart request has a part named query (JSON), a part named image (a file), or both, each once."
REQUIRE_NEEDS_RERANK = "rerank.require is true but rerank.enabled is false. Change one of them."

MAX_SEARCH_TOKENS = 10_000
"""A filter of as many conditions as are allowed, each written out in full, is a few thousand."""


async def read_search(request: Request[Any, Any, Any], limit: int) -> tuple[SearchBody, ImageSource | None]:
    """The validated body and the query's image (still encoded). `limit` is in bytes.

    Raises:
        InvalidInput: the request is not valid.
        HTTPException: 415 for another content type.
    """
    if request.content_type[0] == MULTIPART:
        body, upload = _from_parts(await read_parts(request, limit, most=2))
    else:
        body, upload = await read_json(request, SearchBody, limit, max_tokens=MAX_SEARCH_TOKENS), None
    if body.rerank.require and body.rerank.enabled is False:
        raise InvalidValue(REQUIRE_NEEDS_RERANK)
    return body, _one_image(body, upload)


def _from_parts(parts: Sequence[Part]) -> tuple[SearchBody, UploadedImage | None]:
    by_name = {part.name: part for part in parts}
    if by_name.keys() - {"query", "image"}:
        raise UnknownField(PARTS)
    if not parts or len(by_name) < len(parts):
        raise InvalidInput(PARTS)
    image, query = by_name.get("image"), by_name.get("query")
    body = parse_body(SearchBody, query.text if query else "{}", max_tokens=MAX_SEARCH_TOKENS)
    return body, UploadedImage(image.data) if image else None


def _one_image(body: SearchBody, upload: UploadedImage | None) -> ImageSource | None:
    if body.image is None:
        return upload
    if upload is not None:
        raise InvalidInput(TWO_IMAGES)
    return _named_image(body.image)


def _named_image(image: ImageBody) -> ImageSource | None:
    if sum(value is not None for value in (image.data, image.url, image.product_id)) != 1:
        raise InvalidValue(ONE_IMAGE)
    return image_source(image)
