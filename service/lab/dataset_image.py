"""An image of a data set: a file, or a part of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from service.errors import CorruptImage, ImageTooLarge, ImageTooSmall, InvalidImage, NotAnImage
from service.images.decode import DecodedImage, ImageLimits, decode_image, sniff_format

LAB_LIMITS = ImageLimits(max_bytes=64 * 2**20, max_pixels=80_000_000)
"""Wider than those of the service: the experimenter chose these files."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels of the whole image."""

_SIGNATURE_BYTES = 64


@dataclass(frozen=True, slots=True)
class ImageRef:
    """The path of an image; with `box`, only that part of it, and with `square`, padded with black to a square."""

    path: Path
    box: Box | None = None
    square: bool = False

    def open(self, limits: ImageLimits = LAB_LIMITS) -> DecodedImage:
        """Decode the image; `content_hash` distinguishes two parts of one file. Raises a subclass of InvalidImage."""
        decoded = decode_image(self.read(limits), limits)
        if self.box is None:
            return decoded
        image = _cut(decoded, self.box)
        digest = hashlib.sha256(f"{decoded.content_hash} {self.box} {self.square}".encode()).hexdigest()
        return replace(decoded, image=_padded(image) if self.square else image, content_hash=digest)

    def read(self, limits: ImageLimits = LAB_LIMITS) -> bytes:
        """The bytes of the whole file. Raises a subclass of InvalidImage."""
        try:
            with self.path.open("rb") as file:
                data = file.read(limits.max_bytes + 1)
        except OSError as error:
            raise NotAnImage("The image file cannot be read.") from error
        if len(data) > limits.max_bytes:
            raise ImageTooLarge
        return data


def check_header(path: Path, limits: ImageLimits = LAB_LIMITS) -> None:
    """Look at an image without decoding its pixels. Raises a subclass of InvalidImage.

    A file that is truncated after its header is not detected: that requires decoding it.
    """
    try:
        if path.stat().st_size > limits.max_bytes:
            raise ImageTooLarge
        with path.open("rb") as file:
            sniff_format(file.read(_SIGNATURE_BYTES))
            file.seek(0)
            with Image.open(file, formats=("JPEG", "PNG", "WEBP")) as opened:
                width, height = opened.size
    except InvalidImage:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageTooLarge from error
    except Exception as error:  # declared fault boundary: on hostile bytes a decoder may raise anything
        raise CorruptImage("The image header is damaged.") from error
    if width * height > limits.max_pixels:
        raise ImageTooLarge
    if min(width, height) < limits.min_side:
        raise ImageTooSmall


def _cut(decoded: DecodedImage, box: Box) -> Image.Image:
    """The part of an image; `box` counts the pixels before the image was reduced."""
    image = decoded.image
    scale = max(image.size) / max(decoded.width, decoded.height)
    left, top, right, bottom = (round(side * scale) for side in box)
    x, y = min(max(0, left), image.width - 1), min(max(0, top), image.height - 1)
    return image.crop((x, y, max(x + 1, min(image.width, right)), max(y + 1, min(image.height, bottom))))


def _padded(image: Image.Image) -> Image.Image:
    """The image in the middle of a black square."""
    side = max(image.size)
    canvas = Image.new("RGB", (side, side))
    canvas.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return canvas
