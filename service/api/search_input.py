"""Reads the two forms of a search request: a JSON body, or multipart with the parts `image` and `query`."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from litestar import Request
from litestar.datastructures import FormMultiDict, UploadFile
from litestar.exceptions import HTTPException

from service.api.schemas import ImageBody, SearchBody, image_source
from service.api.validation import parse_body
from service.errors import InvalidInput, InvalidValue, UnknownField
from service.search_types import ImageSource, UploadedImage

ONE_IMAGE = "Give exactly one of image.data, image.url and image.product_id."
TWO_IMAGES = "The picture was given twice. Send either the part named image or the field image of query, not both."
PARTS = "A multipart request has a part named query (JSON), a part named image (a file), or both, each once."
REQUIRE_NEEDS_RERANK = "rerank.require is true but rerank.enabled is false. Change one of them."
NOT_UTF8 = "The part named query is not text in UTF-8. Send its JSON encoded as UTF-8."


async def read_search(request: Request[Any, Any, Any]) -> tuple[SearchBody, ImageSource | None]:
    """The checked body and the query's picture (still encoded).

    Raises:
        InvalidInput: the request cannot be understood.
        HTTPException: 413 for a body over the limit, 415 for another content type.
    """
    content_type = request.content_type[0]
    if content_type == "multipart/form-data":
        body, upload = await _read_multipart(request)
    elif content_type == "application/json" or content_type.endswith("+json"):
        body, upload = parse_body(SearchBody, await request.body()), None
    else:
        raise HTTPException(status_code=HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    if body.rerank.require and body.rerank.enabled is False:
        raise InvalidValue(REQUIRE_NEEDS_RERANK)
    return body, _one_picture(body, upload)


async def _read_multipart(request: Request[Any, Any, Any]) -> tuple[SearchBody, UploadedImage | None]:
    form = await read_form(request)
    names = list(form.keys())
    values = [form.getall(name) for name in names]
    if any(name not in {"query", "image"} for name in names):
        raise UnknownField(PARTS)
    if not names or any(len(several) != 1 for several in values):
        raise InvalidInput(PARTS)
    image, query = form.get("image"), form.get("query", "{}")
    if image is not None and not isinstance(image, UploadFile):
        raise InvalidInput(PARTS)
    raw = await query.read() if isinstance(query, UploadFile) else query
    upload = UploadedImage(await image.read()) if image is not None else None
    return parse_body(SearchBody, raw), upload


async def read_form(request: Request[Any, Any, Any]) -> FormMultiDict:
    """The parts of a multipart body. Raises InvalidInput for a text part that is no text."""
    try:
        return await request.form()
    except (UnicodeDecodeError, LookupError) as error:  # a text part in no or in an unknown encoding
        raise InvalidInput(NOT_UTF8) from error


def _one_picture(body: SearchBody, upload: UploadedImage | None) -> ImageSource | None:
    if body.image is None:
        return upload
    if upload is not None:
        raise InvalidInput(TWO_IMAGES)
    return _named_picture(body.image)


def _named_picture(image: ImageBody) -> ImageSource | None:
    if sum(value is not None for value in (image.data, image.url, image.product_id)) != 1:
        raise InvalidValue(ONE_IMAGE)
    return image_source(image)
