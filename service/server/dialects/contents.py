"""Texts and images in the formats of various clients, parsed into one.

A string that is a data URI is an image: as a text it would get a meaningless embedding. A URL is an image only if
the format says so, since a document may well be about a URL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator
from pydantic_core import PydanticCustomError

from service.images.sources import ImageInput, InlineImage, UrlImage
from service.search.contents import GivenQuery, PlacedQuery
from service.server.dialects.fields import pointer_of

MAX_PARTS = 16
MAX_TEXT_CHARS = 100_000
"""What is read of one text; more than any encoder or prompt takes. The rest is cut, like all that is too long."""

NO_CONTENT = "Must be a text, an object with text, image or both, or an object with content parts."
TOKENS = "Tokens differ from model to model. Send texts (LangChain: check_embedding_ctx_length=False)."
TWO_IMAGES = "A query, document or input has at most one image."
NO_PART = "Must be a content part: a text or an image_url."
NO_TEXT = "Must be a string."
NO_IMAGE = "Must be a data URI, base64 or a URL, or an object with one of url, data and bytes."

_IMAGE_KEYS = ("image", "image_url", "image_base64", "url", "bytes")
_ADDRESS_KEYS = ("url", "data", "bytes", "base64")
_PARTS: Mapping[str, tuple[Literal["text", "image"], tuple[str, ...]]] = {
    "text": ("text", ("text", "value")),
    "input_text": ("text", ("text",)),
    "image_url": ("image", ("image_url", "url")),
    "image": ("image", ("image", "url", "value", "data")),
    "image_base64": ("image", ("image_base64",)),
    "input_image": ("image", ("image_url",)),
}
"""The type of a content part → what it is, and where it is: OpenAI, vLLM, Cohere, Voyage, Elasticsearch."""
_NO_EFFECT = frozenset({"type", "detail", "format", "uuid", "cache_control", "role"})


class TextPart(BaseModel):
    """A text."""

    type: Literal["text"]
    text: str


class Address(BaseModel):
    """Where an image is: a data URI, or a URL on a host that the service allows."""

    url: str


class ImagePart(BaseModel):
    """An image."""

    type: Literal["image_url"]
    image_url: Address


class PartsIn(BaseModel):
    """Content parts: texts, which are joined, and at most one image."""

    content: list[TextPart | ImagePart] = Field(min_length=1, max_length=MAX_PARTS)


class PlainIn(BaseModel):
    """A text, an image (data URI, base64, or URL), or both."""

    model_config = ConfigDict(extra="forbid")

    text: str | None = None
    image: str | None = None


@dataclass(frozen=True, slots=True)
class GivenContent:
    """What a client sent, and the form in which it did."""

    query: GivenQuery
    form: Any

    def at(self, pointer: str) -> PlacedQuery:
        """The same for the models; `pointer` is its place in the request."""
        return PlacedQuery(self.query, pointer)


def placed(given: Sequence[GivenContent], place: str) -> list[PlacedQuery]:
    """Contents for the models, which stand in a list at a place of the request."""
    return [one.at(f"{place}/{number}") for number, one in enumerate(given)]


def read_content(value: object) -> GivenContent:
    """One query, document or input. Raises PydanticCustomError if it is not one, or has two images."""
    if value is None or isinstance(value, str):
        return _of_string(value or "")
    if isinstance(value, int | float) or (isinstance(value, list) and value and isinstance(value[0], int)):
        raise wrong(TOKENS)
    if isinstance(value, list):
        return _of_parts(value, value, "")
    if not isinstance(value, dict):
        raise wrong(NO_CONTENT)
    if "type" in value:
        return _of_parts([value], value, None)
    content = value.get("content")
    if isinstance(content, list):
        return _of_parts(content, value, "/content")
    if content is not None and not isinstance(content, str):
        raise wrong(NO_TEXT, "/content")
    return _of_object({"text" if name == "content" else name: given for name, given in value.items()}, value)


ContentIn = Annotated[
    GivenContent,
    PlainValidator(read_content, json_schema_input_type=str | PlainIn | PartsIn | TextPart | ImagePart),
]
"""A field of a request."""

ImageIn = Annotated[
    GivenContent,
    PlainValidator(lambda value: GivenContent(GivenQuery(image=image_at(value)), value), json_schema_input_type=str),
]
"""A field that holds an image alone."""


def image_at(value: object) -> ImageInput:
    """An image by its data URI, plain base64, or address; also as an object that holds one of them."""
    if isinstance(value, dict):
        value = next((value[key] for key in _ADDRESS_KEYS if value.get(key) is not None), None)
    if not isinstance(value, str):
        raise wrong(NO_IMAGE)
    if value[:4].lower() == "http":
        return UrlImage(value)
    return InlineImage(value if value[:5].lower() == "data:" else f"data:image/png;base64,{value}")


def wrong(detail: str, within: str = "") -> PydanticCustomError:
    """An error whose text is ours; `within` is the place below the content."""
    return PydanticCustomError("content", "content", {"advice": detail, "within": within})


def _of_string(text: str) -> GivenContent:
    if text[:5].lower() == "data:" and ";base64," in text[:200]:
        return GivenContent(GivenQuery(image=InlineImage(text)), text)
    return GivenContent(GivenQuery(text[:MAX_TEXT_CHARS]), text)


def _of_object(value: Mapping[str, Any], form: object) -> GivenContent:
    """`{"text", "image"}`, or another name for the image."""
    given = {name: one for name, one in value.items() if one is not None and name not in _NO_EFFECT}
    images = [image_at(given[key]) for key in _IMAGE_KEYS if key in given]
    text = given.get("text")
    if (unknown := set(given).difference(_IMAGE_KEYS, {"text"})) or not (value.keys() - _NO_EFFECT):
        raise wrong(NO_CONTENT, pointer_of(min(unknown)) if unknown else "")
    if text is not None and not isinstance(text, str):
        raise wrong(NO_TEXT, "/text")
    return _joined([] if text is None else [text], images, form)


def _of_parts(parts: list[Any], form: object, place: str | None) -> GivenContent:
    """Content parts; `place` is where they stand below the content, None for one that is the content itself."""
    if not 1 <= len(parts) <= MAX_PARTS:
        raise wrong(f"Must have 1 to {MAX_PARTS} items.", place or "")
    texts, images = [], []
    for number, part in enumerate(parts):
        within = "" if place is None else f"{place}/{number}"
        kind, value = _part(part, within)
        if kind == "image":
            images.append(image_at(value))
        elif isinstance(value, str):
            texts.append(value)
        else:
            raise wrong(NO_TEXT, f"{within}/text")
    return _joined(texts, images, form)


def _part(part: object, within: str) -> tuple[str, object]:
    """What a part is, and its text or image."""
    if isinstance(part, str):
        return "text", part
    kind = part.get("type") if isinstance(part, dict) else None
    found = _PARTS.get(kind) if isinstance(kind, str) else None
    if not isinstance(part, dict) or found is None or set(part).difference(_NO_EFFECT, found[1]):
        raise wrong(NO_PART, within)
    return found[0], next((part[key] for key in found[1] if key in part), None)


def _joined(texts: list[str], images: list[ImageInput], form: object) -> GivenContent:
    if len(images) > 1:
        raise wrong(TWO_IMAGES)
    text = "\n".join(texts)[:MAX_TEXT_CHARS] if texts else None
    return GivenContent(GivenQuery(text, images[0] if images else None), form)
