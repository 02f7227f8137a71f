"""One line of a feed: raw fields in, a checked row or a reject with its reason out."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from service.products import AttributeValue, Product

MAX_IMAGE_PATH_CHARS = 1000
MAX_IMAGES_A_LINE = 100
_FIELDS = frozenset({"id", "title", "category", "price", "image", "attributes"})
_NAME_FIXES = str.maketrans({"[": "(", "]": ")", '"': "'", "\\": "/"})
# A number as people write it, and nothing that would change when written back: 007 and 1e5 stay text.
_PLAIN_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,9})?")
_REASONS = {
    "id": "the id is missing, longer than 256 characters, or has blanks around it or control characters in it",
    "title": "the title is no text of at most 1000 characters",
    "category": "the category is no text of at most 200 characters",
    "price": "the price is not a number of 0 or more",
}


@dataclass(frozen=True, slots=True)
class FeedRow:
    """A row that can be indexed once its picture has been read.

    ``line`` counts from 1 (the header of a CSV file is line 1); in a JSON array or a folder it is the item's number.
    ``image`` is the picture's bytes, or a text: a path relative to the feed's folder, a data URI or a URL.
    """

    line: int
    id: str
    title: str
    category: str | None
    price: float | None
    attributes: Mapping[str, AttributeValue]
    image: str | bytes


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that cannot be indexed, and why."""

    line: int
    reason: str
    id: str | None = None


def make_rows(line: int, fields: Mapping[str, Any], *, typed: bool) -> list[FeedRow | Reject]:
    """Check the fields of one line that may have a list of pictures; a row for each picture, all of one product.

    A picture is a text, bytes, or an object with ``bytes`` and ``path`` as in Hugging Face datasets.
    """
    column = next((name for name in fields if _column(str(name)) == "image"), None)
    value = fields.get(column) if column is not None else None
    if column is None or not isinstance(value, list):
        return [make_row(line, fields if column is None else {**fields, column: _picture(value)}, typed=typed)]
    if not 1 <= len(value) <= MAX_IMAGES_A_LINE:
        return [
            Reject(line, f"the list of pictures must have 1 to {MAX_IMAGES_A_LINE} entries", _shown(fields.get("id")))
        ]
    pictures = [_picture(item) for item in value]
    rows = [make_row(line, {**fields, column: picture}, typed=typed) for picture in pictures]
    id = next((row.id for row in rows if isinstance(row, FeedRow)), None)
    return [replace(row, id=id) if isinstance(row, FeedRow) and id is not None else row for row in rows]


def make_row(line: int, fields: Mapping[str, Any], *, typed: bool) -> FeedRow | Reject:
    """Check the fields of one line.

    A feed without an ``id`` takes the picture's path, with ``:`` for ``/``. Names other than id, title,
    category, price, image and attributes become attributes. ``typed`` False (CSV) means that all values are text: plain
    numbers in attributes become numbers.
    """
    known = {name: value for name, value in fields.items() if value is not None}
    found = {_column(str(name)): value for name, value in known.items() if value != ""}
    raw_id = found.get("id") if "id" in {_column(str(name)) for name in fields} else _id_of_picture(found.get("image"))
    shown_id = _shown(raw_id)
    image = found.get("image")
    if not isinstance(image, str | bytes) or (not is_data_uri(image) and _is_too_long(image)):
        return Reject(line, "the image column is missing, empty or no path", shown_id)
    attributes = _attributes(found, typed)
    if attributes is None:
        return Reject(line, "attributes must be an object with names and values", shown_id)
    try:
        product = Product(
            id=_id(raw_id),
            title=_tidy(found.get("title", "")),
            category=_tidy(found.get("category")) or None,
            price=_number(found.get("price")),
            attributes=attributes,
            image_key="",
        )
    except ValidationError as error:
        return Reject(line, _reason(error), shown_id)
    return FeedRow(line, product.id, product.title, product.category, product.price, product.attributes, image)


def _attributes(found: Mapping[str, Any], typed: bool) -> dict[str, AttributeValue] | None:
    extra = {name: value for name, value in found.items() if name not in _FIELDS}
    declared = found.get("attributes", {})
    if not isinstance(declared, dict):
        return None
    if not typed:
        extra = {name: _maybe_number(value) for name, value in extra.items()}
    merged = {**extra, **{name: value for name, value in declared.items() if value is not None}}
    return {str(name).translate(_NAME_FIXES): value for name, value in merged.items() if name}


def _column(name: str) -> str:
    """The known columns are found in any case; other names stay as they are."""
    name = name.strip()
    return name.lower() if name.lower() in _FIELDS else name


def is_data_uri(image: str | bytes) -> bool:
    """True for a picture that is written out in the feed."""
    return isinstance(image, str) and image[:5].lower() == "data:"


def _is_too_long(image: str | bytes) -> bool:
    return isinstance(image, str) and len(image) > MAX_IMAGE_PATH_CHARS


def _picture(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    data, path = value.get("bytes"), value.get("path")
    return data if isinstance(data, bytes) else path


def _shown(id: Any) -> str | None:
    return str(id)[:100] if id is not None else None


def _id_of_picture(image: Any) -> Any:
    return image.replace("/", ":") if isinstance(image, str) and not is_data_uri(image) else None


def _id(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else _tidy(value)


def _tidy(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def _number(value: Any) -> Any:
    """A price: numbers as they are, text if it is a number; anything else stays wrong and fails validation."""
    if isinstance(value, bool):
        return "boolean"
    if not isinstance(value, str):
        return value
    text = value.strip()
    return float(text) if re.fullmatch(r"[0-9]{1,15}(?:\.[0-9]{1,9})?", text) else text


def _maybe_number(value: str) -> AttributeValue:
    text = value.strip()
    if not _PLAIN_NUMBER.fullmatch(text):
        return text
    number = float(text)
    return int(text) if "." not in text else number if math.isfinite(number) else text


def _reason(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = str(first["loc"][0])
    if field != "attributes":
        return _REASONS[field]
    own_words = first["type"] == "value_error"
    return (
        first["msg"].removeprefix("Value error, ") if own_words else "an attribute is no text, number or list of them"
    )
