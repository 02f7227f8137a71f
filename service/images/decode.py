"""Untrusted bytes → a safe RGB image.

The order matters: size in bytes, signature, header, dimensions, and only then pixels. A 9 KiB PNG can expand to
231 MiB: nothing is decoded before its header has been checked, and before there is room for it in the process's budget
of pixels. Only JPEG, PNG and WebP decoders are ever reached. Orientation (EXIF), transparency and color profiles are
resolved here, so that models see the image that people see (GHSA-8jr5-v98p-w75m). Of animations the first frame counts.
"""

import base64
import binascii
import hashlib
import io
import os
import re
import warnings
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Literal

from PIL import Image

from rerank.cancellation import Cancelled
from service.errors import (
    CorruptImage,
    CropTooSmall,
    ImageTooLarge,
    ImageTooSmall,
    InvalidImage,
    NotAnImage,
    UnsupportedImage,
)
from service.images.color import to_srgb
from service.images.crop import WHOLE, Box, Crop
from service.images.decoding_cost import check_cost, decoding_cost
from service.images.jpeg_scans import has_more_scans
from service.images.normalize import bare, orientation, upright
from service.images.pixel_budget import PixelBudget
from service.images.reduction import opaque_and_reduced

ImageFormat = Literal["jpeg", "png", "webp"]
_PILLOW_FORMATS = ("JPEG", "PNG", "WEBP")
_OTHER_FORMATS = (
    *(b"GIF8", b"BM", b"II*\0", b"MM\0*", b"8BPS", b"%!PS", b"%PDF"),
    *(b"\0\0\1\0", b"SIMPLE  =", b"\0\0\0\x0cjP", b"<svg", b"<?xml"),
)
_PNG_TEXT_LIMIT = "MAX_TEXT_"
"""Stands in what Pillow says of a PNG whose texts or color profile unpack to too much (1 MiB each, 64 MiB together)."""

_TEXT_TOO_LARGE = (
    "The PNG holds a text or a color profile that unpacks to more than 1 MiB. Save the image without such metadata."
)
_MAX_JPEG_SCANS = 100  # more than any encoder writes

DECODER = 2
"""Goes up when the same bytes begin to give other pixels, so that vectors that were cached for them are recomputed."""

DECODING = PixelBudget()
"""What this process decodes at the same time, wherever the images come from."""

_URI_HEAD_CHARS = 512
_URI_HEAD = re.compile(r"data:(?:[a-z0-9.+/-]{1,100})?(?:;[a-z0-9_.+-]+=[a-z0-9_.+-]+){0,4};base64,", re.IGNORECASE)
_URI_FORM = "Write the image as data:image/png;base64,… with plain base64 (RFC 2397)."

# Process-wide on purpose: a filter per call would not be thread-safe. The pixel limit below is stricter anyway.
warnings.simplefilter("error", Image.DecompressionBombWarning)
# Broken EXIF and the like: not worth a line on stderr for every such image that anybody sends.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

# Pillow keeps pixels in blocks of 16 MiB, which glibc holds back in the thread's arena once they are freed. What is
# larger than 32 MiB goes back to the system at once: after sixteen 40-megapixel images 0.2 GB in place of 0.5.
if "PILLOW_BLOCK_SIZE" not in os.environ:
    Image.core.set_block_size(64 * 2**20)  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """Bounds for images from outside.

    `max_bytes` counts encoded bytes, `max_pixels` width x height, `min_side` the shorter side in pixels; images with a
    longer side than `working_side` are reduced to it. `decode_pixels` are decoded at the same time in a process, where
    costly kinds count more (`service.images.decoding_cost`); an image that counts more than all of them, and more than
    `max_pixels`, is refused.
    """

    max_bytes: int = 10 * 2**20
    max_pixels: int = 40_000_000
    min_side: int = 3
    working_side: int = 1024
    decode_pixels: int = 40_000_000


@dataclass(frozen=True, slots=True, eq=False)
class DecodedImage:
    """A safe image: mode RGB, upright, no transparency, no metadata.

    `content_hash` is the SHA-256 of the encoded bytes in hex (the cache key), for a crop one of its own; `width` and
    `height` are the header's, before cropping, orientation and reduction.
    """

    image: Image.Image
    content_hash: str
    format: ImageFormat
    width: int
    height: int

    @property
    def is_reduced(self) -> bool:
        """Whether the image has fewer pixels than its file."""
        return self.image.width * self.image.height < self.width * self.height


def content_hash(data: bytes) -> str:
    """SHA-256 of encoded bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def sniff_format(data: bytes) -> ImageFormat:
    """The format by signature. Raises `UnsupportedImage` for other known formats, else `NotAnImage`."""
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if _is_other_format(data):
        raise UnsupportedImage
    raise NotAnImage


def decode_image(data: bytes, limits: ImageLimits, crop: Crop = WHOLE) -> DecodedImage:
    """Decode one image, or a region of it as it is seen upright. Raises a subclass of `InvalidImage`, whatever the
    bytes are; else only Cancelled, where the client went before its turn.
    """
    _check_bytes(len(data), limits)
    format = sniff_format(data)
    if format == "jpeg" and has_more_scans(data, _MAX_JPEG_SCANS):
        raise ImageTooLarge("The JPEG has far too many scans or segments. Save it again as a plain JPEG.")
    try:
        with Image.open(io.BytesIO(data), formats=_PILLOW_FORMATS) as opened:
            width, height = opened.size
            _check_size(width, height, limits)
            image = _decode_pixels(opened, limits, crop)
    except (InvalidImage, Cancelled):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels(limits) from error
    except (MemoryError, RecursionError) as error:
        raise ImageTooLarge from error
    except Exception as error:  # declared fault boundary: on hostile bytes a decoder may raise anything
        if _PNG_TEXT_LIMIT in str(error):
            raise ImageTooLarge(_TEXT_TOO_LARGE) from error
        raise CorruptImage from error
    whole = content_hash(data)
    return DecodedImage(image, whole if crop == WHOLE else crop.identity(whole), format, width, height)


def cropped(decoded: DecodedImage, crop: Crop, limits: ImageLimits) -> DecodedImage:
    """A region of an image that is decoded already, with the pixels that it has there. Raises CropTooSmall."""
    if crop == WHOLE:
        return decoded
    box = _checked_box(crop, decoded.image.size, limits)
    return replace(decoded, image=decoded.image.crop(box), content_hash=crop.identity(decoded.content_hash))


def data_uri_bytes(uri: str, limits: ImageLimits) -> bytes:
    """The encoded bytes in a base64 `data:` URI, whatever type it declares.

    Raises a subclass of `InvalidImage`; too long texts are refused before they are decoded.
    """
    head = _URI_HEAD.match(uri[:_URI_HEAD_CHARS])
    if head is None:
        raise NotAnImage(_URI_FORM)
    if (len(uri) - head.end()) // 4 * 3 > limits.max_bytes + 3:
        raise ImageTooLarge
    try:
        return base64.b64decode(uri[head.end() :].encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise NotAnImage(_URI_FORM) from error


def _decode_pixels(opened: Image.Image, limits: ImageLimits, crop: Crop) -> Image.Image:
    full, whole = opened.size, opened.width * opened.height
    part = _size(crop.as_stored(_orientation(opened)).box(full))
    if opened.format in ("JPEG", "MPO"):
        opened.draft(None, _reduced_size(full, part, limits))  # decodes at 1/2, 1/4 or 1/8 where that is still enough
    cost = decoding_cost(opened, whole)
    check_cost(cost, whole, max(limits.decode_pixels, limits.max_pixels))
    # Closing frees the pixels before the room is given back.
    with DECODING.spend(cost, limits.decode_pixels), closing(opened):
        opened.load()
        turn = _orientation(opened)  # a PNG may say it behind its pixels
        region = crop.as_stored(turn)
        part = _size(_checked_box(region, full, limits))
        size = _reduced_size(part, part, limits)
        image = to_srgb(opaque_and_reduced(opened, size, region.box(opened.size)), opened.info.get("icc_profile"))
        return bare(upright(image, turn))


def _orientation(opened: Image.Image) -> int:
    return orientation(opened.info.get("exif"))


def _reduced_size(size: tuple[int, int], part: tuple[int, int], limits: ImageLimits) -> tuple[int, int]:
    """The size in which `part` of an image fits the working side, in proportion, with no side below the minimum."""
    scale = min(1.0, limits.working_side / max(part))
    width, height = (max(limits.min_side, round(side * scale)) for side in size)
    return width, height


def _size(box: Box) -> tuple[int, int]:
    left, top, right, bottom = box
    return right - left, bottom - top


def _checked_box(crop: Crop, size: tuple[int, int], limits: ImageLimits) -> Box:
    """The pixels of a region. Raises CropTooSmall; an image that was accepted is never too small as a whole."""
    box = crop.box(size)
    shorter = min(_size(box))
    if crop != WHOLE and shorter < limits.min_side:
        raise CropTooSmall(
            f"The crop must have at least {limits.min_side} pixels on each side, and has {shorter} on one. Choose a "
            "larger region of the image."
        )
    return box


def _check_bytes(size: int, limits: ImageLimits) -> None:
    if size > limits.max_bytes:
        raise ImageTooLarge(f"The image has more than {limits.max_bytes / 2**20:.3g} MiB. Send a smaller one.")


def _check_size(width: int, height: int, limits: ImageLimits) -> None:
    if width * height > limits.max_pixels:
        raise _too_many_pixels(limits)
    if min(width, height) < limits.min_side:
        raise ImageTooSmall(f"Each side of the image must have at least {limits.min_side} pixels. Send a larger one.")


def _too_many_pixels(limits: ImageLimits) -> ImageTooLarge:
    millions = limits.max_pixels / 1_000_000
    return ImageTooLarge(f"The image has more than {millions:.3g} million pixels. Reduce it and send it again.")


def _is_other_format(data: bytes) -> bool:
    """True for well-known formats that we refuse, so that the answer can name the cure."""
    return data.startswith(_OTHER_FORMATS) or data[4:8] == b"ftyp"
