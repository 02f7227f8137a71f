"""Reads products in their formats: one JSON object, an array, one object per line (NDJSON), or multipart."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

from litestar import Request
from pydantic import ValidationError

from service.catalog.products import ItemResult, Outcome, ProductInput
from service.errors import InvalidInput, UnknownField
from service.images.sources import UploadedImage
from service.server.defaults import RequestDefaults
from service.server.mapping.product_bodies import to_input
from service.server.requests.body import parsed, read_body, read_lines, read_parts, require_json
from service.server.requests.multipart import MULTIPART, Part
from service.server.requests.validation import load_json, parse_body, to_problem
from service.wire.products import MAX_IMAGES, ProductBody

NDJSON = "application/x-ndjson"
MAX_ITEMS = 1000
MAX_PRODUCT_TOKENS = 20_000
MAX_ARRAY_TOKENS = 300_000
LINES_AT_ONCE = 16
MAX_ITEM_FAULTS = 3
"""Faults listed for one of many products: enough to fix it, and the answer stays small where all are wrong."""

NOT_JSON = "This is not valid JSON. Send one JSON object per product, encoded as UTF-8."
TOO_MANY = f"An array holds at most {MAX_ITEMS} products. Send several, or one product per line as {NDJSON}."
PARTS = "A multipart request has one part named product (JSON) and parts named image (files)."

Item = ProductInput | ItemResult


async def read_one(request: Request[Any, Any, Any], limit: int) -> ProductInput | list[Item]:
    """The product of a JSON object or of multipart, or the items of a JSON array. `limit` is in bytes.

    Raises:
        InvalidInput: the body, or its only product, is not valid.
        HTTPException: 415 for another content type.
    """
    if request.content_type[0] == MULTIPART:
        parts = await read_parts(request, limit, most=1 + MAX_IMAGES)
        return await parsed(sum(len(part.data) for part in parts), partial(_from_parts, parts))
    require_json(request)
    raw = await read_body(request, limit)
    return await parsed(len(raw), partial(_from_json, raw))


def read_product_lines(request: Request[Any, Any, Any], defaults: RequestDefaults) -> AsyncIterator[list[bytes]]:
    """The lines of NDJSON, a few at a time. Raises as `read_lines`."""
    return read_lines(request, max_line=defaults.max_body_bytes, max_lines=defaults.max_feed_lines, batch=LINES_AT_ONCE)


def item_of_line(line: bytes) -> Item:
    """A product, or the result that says why it is not one."""
    try:
        return _item(_json(line, MAX_PRODUCT_TOKENS))
    except InvalidInput as error:
        return ItemResult(None, Outcome.REJECTED, error)


def _from_json(raw: bytes) -> ProductInput | list[Item]:
    if raw.lstrip()[:1] != b"[":
        return to_input(parse_body(ProductBody, raw, max_tokens=MAX_PRODUCT_TOKENS))
    items = _json(raw, MAX_ARRAY_TOKENS)
    if len(items) > MAX_ITEMS:
        raise InvalidInput(TOO_MANY)
    return [_item(value) for value in items]


def _from_parts(parts: Sequence[Part]) -> ProductInput:
    if any(part.name not in {"product", "image"} for part in parts):
        raise UnknownField(PARTS)
    products = [part for part in parts if part.name == "product"]
    if len(products) != 1:
        raise InvalidInput(PARTS)
    uploads = [UploadedImage(part.data) for part in parts if part.name == "image"]
    return to_input(parse_body(ProductBody, products[0].text, max_tokens=MAX_PRODUCT_TOKENS), uploads)


def _json(raw: bytes, max_tokens: int) -> Any:
    try:
        return load_json(raw, max_tokens=max_tokens)
    except ValueError as error:
        raise InvalidInput(NOT_JSON) from error


def _item(value: Any) -> Item:
    """A product, or the result that says why it is not valid."""
    id = value.get("id") if isinstance(value, dict) else None
    shown = id[:256] if isinstance(id, str) else None
    try:
        return to_input(ProductBody.model_validate(value))
    except ValidationError as error:
        return ItemResult(shown, Outcome.REJECTED, to_problem(error, lambda: value, MAX_ITEM_FAULTS))
    except InvalidInput as error:
        return ItemResult(shown, Outcome.REJECTED, error)
