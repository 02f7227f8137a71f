"""Reads the forms in which products come: one JSON object, an array, one object a line (NDJSON), or multipart."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

from litestar import Request
from litestar.datastructures import UploadFile
from litestar.exceptions import HTTPException
from pydantic import ValidationError
from pydantic_core import from_json

from service.api.product_schemas import ProductBody, to_input
from service.api.search_input import read_form
from service.api.validation import parse_body, to_problem
from service.catalog.products import ItemResult, Outcome, ProductInput
from service.errors import BodyTooLarge, InvalidInput, UnknownField
from service.search_types import UploadedImage

NDJSON = "application/x-ndjson"
MAX_ITEMS = 1000
NOT_JSON = "This is not valid JSON. Send one JSON object for each product, encoded as UTF-8."
TOO_MANY = f"An array holds at most {MAX_ITEMS} products. Send several, or one product a line as {NDJSON}."
PARTS = "A multipart request has one part named product (JSON) and parts named image (files)."
NO_LENGTH = "A multipart body needs a Content-Length. Send it with one, or send JSON."

Item = ProductInput | ItemResult


async def read_one(request: Request[Any, Any, Any], limit: int) -> ProductInput | list[Item]:
    """The product of a JSON object or of multipart, or the items of a JSON array. `limit` is in bytes.

    Raises:
        InvalidInput: the body, or its only product, cannot be understood.
        HTTPException: 415 for another content type.
    """
    content_type = request.content_type[0]
    if content_type == "multipart/form-data":
        return await _read_multipart(request, limit)
    if content_type != "application/json" and not content_type.endswith("+json"):
        raise HTTPException(status_code=HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    raw = await read_limited(request, limit)
    if raw.lstrip()[:1] != b"[":
        return to_input(parse_body(ProductBody, raw))
    items = _json(raw)
    if len(items) > MAX_ITEMS:
        raise InvalidInput(TOO_MANY)
    return [_item(value) for value in items]


async def read_lines(request: Request[Any, Any, Any], limit: int) -> AsyncIterator[Item]:
    """One item for each line that is not blank, while the body is still coming; `limit` bytes a line.

    Raises:
        BodyTooLarge: a line is longer.
    """
    rest = b""
    async for chunk in _without_bom(request.stream()):
        *lines, rest = (rest + chunk).split(b"\n")
        if max(map(len, (*lines, rest))) > limit:
            raise BodyTooLarge
        for line in lines:
            if line.strip():
                yield _line(line)
    if rest.strip():
        yield _line(rest)


async def _without_bom(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The stream without the byte order mark of UTF-8 that Windows writes (RFC 8259, section 8.1, lets us ignore it).

    The first three bytes may come one by one.
    """
    head: bytes | None = b""
    async for chunk in chunks:
        if head is None:
            yield chunk
        elif len(head := head + chunk) >= len(BOM_UTF8):
            yield head.removeprefix(BOM_UTF8)
            head = None
    if head:
        yield head


async def read_limited(request: Request[Any, Any, Any], limit: int) -> bytes:
    """The whole body. Raises BodyTooLarge beyond `limit` bytes; the rest is then not read."""
    if _length(request) > limit:
        raise BodyTooLarge
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise BodyTooLarge
    return bytes(body)


async def _read_multipart(request: Request[Any, Any, Any], limit: int) -> ProductInput:
    if not request.headers.get("content-length"):
        raise BodyTooLarge(NO_LENGTH)
    if _length(request) > limit:
        raise BodyTooLarge
    form = await read_form(request)
    if any(name not in {"product", "image"} for name in form):
        raise UnknownField(PARTS)
    products, pictures = form.getall("product", []), form.getall("image", [])
    if len(products) != 1 or not all(isinstance(picture, UploadFile) for picture in pictures):
        raise InvalidInput(PARTS)
    raw = await products[0].read() if isinstance(products[0], UploadFile) else products[0]
    uploads = [UploadedImage(await picture.read()) for picture in pictures]
    return to_input(parse_body(ProductBody, raw), uploads)


def _length(request: Request[Any, Any, Any]) -> int:
    """What the body is said to have; servers refuse what is no number before it gets here."""
    announced = request.headers.get("content-length", "0")
    return int(announced) if announced.isdecimal() else 0


def _line(line: bytes) -> Item:
    try:
        return _item(_json(line))
    except InvalidInput as error:
        return ItemResult(None, Outcome.REJECTED, error)


def _json(raw: bytes) -> Any:
    try:
        return from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise InvalidInput(NOT_JSON) from error


def _item(value: Any) -> Item:
    """A product, or the result that says why it is none."""
    id = value.get("id") if isinstance(value, dict) else None
    shown = id[:256] if isinstance(id, str) else None
    try:
        return to_input(ProductBody.model_validate(value))
    except ValidationError as error:
        problem = to_problem(error.errors(include_url=False, include_input=False))
        return ItemResult(shown, Outcome.REJECTED, problem)
    except InvalidInput as error:
        return ItemResult(shown, Outcome.REJECTED, error)
