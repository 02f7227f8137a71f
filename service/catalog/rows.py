"""Validation of one feed line: its fields, or a reject with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import Image
from pydantic import ValidationError

from service.catalog.column_names import KNOWN, attribute_name
from service.catalog.records import make_record
from service.product import MAX_ID_CHARS, Product, normal_text
from service.stores.store import Record, Vector, row_id
from service.support.first_fault import first_fault

MAX_IMAGE_PATH_CHARS = 1000
MAX_IMAGES_A_LINE = 100
NO_IMAGE = "the image column is missing, empty or not a path"
NOTHING_TO_EMBED = (
    f"{NO_IMAGE}, and the product has none of the words that vectors are made of in this collection (WITHTHIS_DOCUMENT)"
)
_REASONS = {
    "id": "the id is missing, longer than 256 characters, or has surrounding blanks or control characters",
    "title": "the title must be a text of at most 1000 characters",
    "category": "the category must be a text of at most 200 characters",
    "price": "the price is not an amount of 0 or more, such as 15.99 or 15.99 USD",
}


ImageName = str | bytes
"""An image in a feed: its bytes, or a text: a path relative to the feed's folder, a data URI or a URL."""


class ImageKey(str):
    """An image of an export, by its key: a file of that name beside it, or in the image store."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class FeedRow:
    """What a feed says of one product in one line, checked. It becomes a `Record` of the store, step by step:

    1. `parse_line` makes it of a line, with the line's own fields and all its images: None in place of one that is not
       an image's name or bytes. There may be none: the product's images stand in other lines, or it has none.
    2. `Survey.rows` makes one row for each image, with the fields that all lines of the product give together.
    3. `RowImageReader` stores the image: `image_key` and `content_hash` are set, and `decoded` if it is to be encoded.
       A product without an image is found by its words; its key is empty.
    4. `IngestRun` numbers the images of a product, and encodes; on Ray, the `vector` is made before that, and rows
       of an export may bring it.

    `line` counts from 1 (the header of a CSV file is line 1); in a JSON array or a folder it is the item's number.
    """

    line: int
    product: Product
    images: tuple[ImageName | None, ...]
    image_key: str = ""
    content_hash: str = ""
    decoded: Image.Image | None = field(default=None, compare=False, repr=False)
    vector: Vector | None = field(default=None, compare=False, repr=False)
    number: int = 0

    @property
    def image(self) -> ImageName | None:
        """The image of a row that has one at most."""
        return self.images[0] if self.images else None

    @property
    def id(self) -> str:
        """The id of the row in the store."""
        return row_id(self.product.id, self.number)

    def record(self, vector: Vector, now: int) -> Record:
        """The row of the store; `now` is Unix time in milliseconds."""
        keys = {"image_key": self.image_key, "content_hash": self.content_hash}
        return make_record(self.product, self.id, vector, now=now, **keys)


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that cannot be indexed, and why; `field`: the field of ours that is at fault, if it is one."""

    line: int
    reason: str
    id: str | None = None
    field: str | None = None


@dataclass(frozen=True, slots=True)
class InvalidField:
    """A field of ours that makes a product invalid, and why."""

    name: str
    reason: str


def parse_line(line: int, fields: Mapping[str, Any], *, id_of_image: bool, numbered: bool = False) -> FeedRow | Reject:
    """Check the fields of one line, under our names.

    Names other than id, title, category, price, image and attributes become attributes. `image` may be a list; an
    image is a text, bytes, or an object with `bytes` and `path` as in Hugging Face datasets. With `id_of_image`
    a line without an id takes its image's path, with `:` for `/`, or if `numbered`, and for want of a path, its
    number.
    """
    given = {name: value for name, value in fields.items() if value is not None and value != ""}
    images = _images(given.get("image"))
    raw_id = given.get("id")
    if raw_id is None and id_of_image and "id" not in fields:
        raw_id = f"row-{line}" if numbered and not isinstance(given.get("image"), str) else _id_of(images)
    shown_id = str(raw_id)[:MAX_ID_CHARS] if raw_id is not None else None
    if len(images) > MAX_IMAGES_A_LINE:
        return Reject(line, f"the list of images must have 1 to {MAX_IMAGES_A_LINE} entries", shown_id, "image")
    if images == (None,) or (raw_id is None and not images):
        return Reject(line, NO_IMAGE, shown_id, "image")
    attributes = _attributes(given)
    if isinstance(attributes, str):
        return Reject(line, attributes, shown_id, "attributes")
    product = make_product(
        {
            "id": _id(raw_id),
            "title": _tidy(given.get("title", "")),
            "category": _tidy(given.get("category")) or None,
            "price": _number(given.get("price")),
            "attributes": attributes,
        }
    )
    if isinstance(product, InvalidField):
        return Reject(line, product.reason, shown_id, product.name)
    return FeedRow(line, product, images)


def make_product(fields: Mapping[str, Any]) -> Product | InvalidField:
    """A product without its image, or why it is invalid."""
    try:
        return Product.model_validate({**fields, "image_key": ""})
    except ValidationError as error:
        return _invalid(error)


def is_data_uri(image: ImageName) -> bool:
    """True for an image that is inline in the feed."""
    return isinstance(image, str) and image[:5].lower() == "data:"


def _images(value: Any) -> tuple[ImageName | None, ...]:
    if value is None:
        return ()
    return tuple(_image(item) for item in value) if isinstance(value, list) else (_image(value),)


def _image(value: Any) -> ImageName | None:
    """An image as it can be read; None for an invalid value."""
    if isinstance(value, dict):
        data, path = value.get("bytes"), value.get("path")
        value = data if isinstance(data, bytes) else path
    if isinstance(value, str):
        value = value.strip()
        usable = value and (is_data_uri(value) or len(value) <= MAX_IMAGE_PATH_CHARS)
        return value if usable else None
    return value if isinstance(value, bytes) else None


def _attributes(given: Mapping[str, Any]) -> dict[str, Any] | str:
    """The attributes of a line, or the reason why they are invalid."""
    extra = {name: value for name, value in given.items() if name not in KNOWN}
    declared = given.get("attributes", {})
    if not isinstance(declared, dict):
        return "attributes must be an object with names and values"
    named = {attribute_name(str(name)): value for name, value in declared.items() if name and value is not None}
    twice = next((name for name in named if name in extra and extra[name] != named[name]), None)
    if twice is not None:
        return f"the attribute {twice[:40]!r} is both a column and in attributes, with different values"
    return {**extra, **named}


def _id_of(images: tuple[ImageName | None, ...]) -> str | None:
    first = next((image for image in images if image is not None), None)
    return normal_text(first).replace("/", ":") if isinstance(first, str) and not is_data_uri(first) else None


def _id(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else _tidy(value)


def _tidy(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def _number(value: Any) -> Any:
    """A price as a number; what is none fails validation, also `true` and texts, which are read before."""
    return "none" if isinstance(value, bool | str) else value


def _invalid(error: ValidationError) -> InvalidField:
    first = first_fault(error)
    name, *inner = first["loc"]
    if name != "attributes":
        return InvalidField(str(name), _REASONS[str(name)])
    if first["type"] == "value_error":
        return InvalidField("attributes", first["msg"])
    return InvalidField(str(inner[0]) if inner else "attributes", "an attribute is not text, number or list of them")
