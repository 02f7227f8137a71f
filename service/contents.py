"""What callers of `/v1/rerank` and `/v1/embeddings` send: texts, pictures, or both; not from the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.errors import EmptyQuery, InvalidImage, InvalidInput
from service.media.decode import DecodedImage
from service.media.pictures import PictureLoader, PictureSource
from service.products import normal_text


@dataclass(frozen=True, slots=True)
class Content:
    """A text, a picture (not yet checked), or both. `pointer` is its place in the request, for errors."""

    text: str | None
    image: PictureSource | None
    pointer: str = ""


@dataclass(frozen=True, slots=True)
class OpenedContent:
    """The same with its picture decoded."""

    text: str | None
    image: DecodedImage | None


def open_contents(contents: Sequence[Content], pictures: PictureLoader) -> list[OpenedContent]:
    """Decode the pictures.

    Raises:
        InvalidInput: one is empty, or its picture cannot be used; `errors` says which.
    """
    return [_open(content, pictures) for content in contents]


def _open(content: Content, pictures: PictureLoader) -> OpenedContent:
    text = normal_text(content.text or "").strip() or None
    if text is None and content.image is None:
        raise EmptyQuery(errors=[{"pointer": content.pointer, "detail": EmptyQuery.default_detail}])
    try:
        return OpenedContent(text, pictures.open(content.image) if content.image is not None else None)
    except InvalidImage as error:
        raise _placed(error, content.pointer) from error


def _placed(error: InvalidInput, pointer: str) -> InvalidInput:
    return type(error)(error.detail, errors=[{"pointer": pointer, "detail": error.detail}])
