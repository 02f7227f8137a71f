"""The contents that callers of `/v1/rerank` and `/v1/embeddings` send: texts, images, or both."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from PIL.Image import Resampling

from rerank.cancellation import check_cancelled
from service.errors import ImageTooLarge, InvalidImage, InvalidValue
from service.images.decode import DecodedImage
from service.images.header import pixels
from service.images.sources import ImageInput, ImageLoader, UrlImage
from service.product import normal_text

EMPTY = "This is empty. Give a text, an image, or both."


@dataclass(frozen=True, slots=True)
class Content:
    """A text, an image (not yet checked), or both. `pointer` is its place in the request, for errors."""

    text: str | None
    image: ImageInput | None
    pointer: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether there is neither a text nor an image."""
        return self.image is None and not (self.text or "").strip()


@dataclass(frozen=True, slots=True)
class OpenedContent:
    """The same with its image decoded; both are None if it is empty."""

    text: str | None
    image: DecodedImage | None


def check_not_empty(contents: Sequence[Content]) -> None:
    """Raise InvalidValue if neither a text nor an image is given; `errors` says where."""
    empty = [content.pointer for content in contents if content.is_empty]
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
        self, pictures: ImageLoader, *, max_pixels: int, contents: Sequence[Content], kept_pixels: int | None = None
    ) -> None:
        """`max_pixels`: of all images as they come; `kept_pixels`: of all that are open at once, where they are: they
        are reduced to equal shares of it.

        Raises:
            InvalidImage: the images are too many pixels together, or one cannot be read.
        """
        self._pictures = pictures
        self._tally = PixelTally(max_pixels)
        images = sum(content.image is not None for content in contents)
        self._share = None if kept_pixels is None else kept_pixels // max(1, images)
        for content in contents:
            if content.image is not None and not isinstance(content.image, UrlImage):
                check_cancelled()
                with _placed(content.pointer):
                    self._tally.add(pictures.read(content.image))

    def open(self, contents: Sequence[Content]) -> list[OpenedContent]:
        """Decode the images of some of the contents.

        Raises:
            InvalidInput: an image cannot be used; `errors` says which.
            Cancelled: the client has disconnected.
        """
        return [self._open(content) for content in contents]

    def _open(self, content: Content) -> OpenedContent:
        check_cancelled()
        text = normal_text(content.text or "").strip() or None
        with _placed(content.pointer):
            return OpenedContent(text, self._decoded(content.image) if content.image is not None else None)

    def _decoded(self, image: ImageInput) -> DecodedImage:
        data = self._pictures.read(image)
        if isinstance(image, UrlImage):
            self._tally.add(data)
        decoded = self._pictures.decode(data)
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
def _placed(pointer: str) -> Iterator[None]:
    """Say which content an error is about."""
    try:
        yield
    except InvalidImage as error:
        raise type(error)(error.detail, errors=[{"pointer": pointer, "detail": error.detail}]) from error
