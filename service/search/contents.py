"""The contents that callers of `/v1/rerank` and `/v1/embeddings` send: texts, images, or both."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

from PIL.Image import Resampling

from rerank.cancellation import check_cancelled
from rerank.query import Query, Role
from service.errors import ImageTooLarge, InvalidImage, InvalidValue
from service.images.decode import DecodedImage
from service.images.header import pixels
from service.images.sources import ImageInput, ImageLoader, UrlImage
from service.product import normal_text

EMPTY = "This is empty. Give a text, an image, or both."


GivenQuery = Query[ImageInput]
"""A query, document or input as it was sent: its image is not yet checked."""


class PlacedQuery(NamedTuple):
    """What was sent, and where in the request, as a JSON pointer for errors."""

    query: GivenQuery
    pointer: str = ""

    def in_role(self, role: Role) -> PlacedQuery:
        """The same, as a query or as a document."""
        return PlacedQuery(replace(self.query, role=role), self.pointer)

    def instructed(self, instruction: str | None) -> PlacedQuery:
        """The same, to be read for an instruction; an empty one counts as none."""
        return PlacedQuery(replace(self.query, instruction=instruction or None), self.pointer)


def opened_query(text: str | None, image: DecodedImage | None) -> Query:
    """The query of a text as it was sent and an image that has been decoded; a blank text counts as none."""
    text = normal_text(text or "").strip() or None
    return Query(text) if image is None else Query(text, image.image, image_hash=image.content_hash)


def check_not_empty(contents: Sequence[PlacedQuery]) -> None:
    """Raise InvalidValue if neither a text nor an image is given; `errors` says where."""
    empty = [content.pointer for content in contents if content.query.is_empty]
    if empty:
        raise InvalidValue(EMPTY, errors=[{"pointer": pointer, "detail": EMPTY} for pointer in empty[:20]])


class PixelTally:
    """Counts the pixels of one request's images, by their headers, before any of them is decoded."""

    def __init__(self, limit: int) -> None:
        """`limit`: pixels of all images together."""
        self._limit = limit
        self._sum = 0

    def add(self, data: bytes) -> None:
        """Count an image. Raises ImageTooLarge."""
        self._sum += pixels(data)
        if self._sum > self._limit:
            raise ImageTooLarge(
                f"The images of one request have at most {self._limit / 1e6:.4g} megapixels together. Send smaller "
                "ones, or fewer in a request."
            )


class ContentOpener:
    """Opens the contents of one request, in parts, within one bound for all their images.

    Images inside the request are counted at once, before any of them is decoded; those behind URLs when they have
    been fetched. Between two of them it ends if the client has disconnected.
    """

    def __init__(
        self,
        image_loader: ImageLoader,
        *,
        max_pixels: int,
        contents: Sequence[PlacedQuery],
        kept_pixels: int | None = None,
    ) -> None:
        """`max_pixels`: of all images as they come; `kept_pixels`: of all that are open at once, where they are: they
        are reduced to equal shares of it.

        Raises:
            InvalidImage: the images are too many pixels together, or one cannot be read.
        """
        self._image_loader = image_loader
        self._tally = PixelTally(max_pixels)
        images = sum(content.query.image is not None for content in contents)
        self._share = None if kept_pixels is None else kept_pixels // max(1, images)
        for content in contents:
            if content.query.image is not None and not isinstance(content.query.image, UrlImage):
                check_cancelled()
                with placed(content.pointer):
                    self._tally.add(image_loader.read(content.query.image))

    def open(self, contents: Sequence[PlacedQuery]) -> list[Query]:
        """Decode the images of some of the contents.

        Raises:
            InvalidInput: an image cannot be used; `errors` says which.
            Cancelled: the client has disconnected.
        """
        return [self._open(content) for content in contents]

    def _open(self, content: PlacedQuery) -> Query:
        check_cancelled()
        query, pointer = content
        with placed(pointer):
            opened = opened_query(query.text, None if query.image is None else self._decoded(query.image))
        return replace(opened, role=query.role, instruction=query.instruction)

    def _decoded(self, image: ImageInput) -> DecodedImage:
        data = self._image_loader.read(image)
        if isinstance(image, UrlImage):
            self._tally.add(data)
        decoded = self._image_loader.decode(data)
        return decoded if self._share is None else reduced(decoded, self._share)


def reduced(decoded: DecodedImage, pixels: int) -> DecodedImage:
    """The same image with about `pixels` pixels at most."""
    width, height = decoded.image.size
    if width * height <= pixels:
        return decoded
    scale = math.sqrt(pixels / (width * height))
    size = max(1, int(width * scale)), max(1, int(height * scale))
    return replace(decoded, image=decoded.image.resize(size, Resampling.BICUBIC, reducing_gap=3.0))


@contextmanager
def placed(pointer: str) -> Iterator[None]:
    """Say which content an error is about."""
    try:
        yield
    except InvalidImage as error:
        raise type(error)(error.detail, errors=[{"pointer": pointer, "detail": error.detail}]) from error
