"""PIL images as the bytes of a file: in every mode, upright as their EXIF says, in the colors of their profile.

Pillow is never imported: whoever passes such an image has imported it.
"""

from __future__ import annotations

import io
from typing import Any

MAX_PNG_BYTES = 4 * 2**20
"""A PNG with more is sent as a JPEG, if nothing in it is transparent: a photograph is a tenth of the size that way."""

_SENT_AS_THEY_ARE = frozenset({"JPEG", "MPO", "PNG"})
_INTO = {
    **dict.fromkeys(("YCbCr", "LAB", "HSV", "RGBX"), "RGB"),
    **dict.fromkeys(("PA", "RGBa"), "RGBA"),
    **dict.fromkeys(("I;16L", "I;16N"), "I;16"),
    "La": "LA",
    "F": "L",  # by Pillow's own rule: 0 is black, 255 is white
}
"""Modes without a file format, and their equivalents."""


def encode(image: Any) -> bytes:
    """The bytes of a JPEG or PNG file with the image.

    A file of these formats that Pillow has opened and not read yet is sent as it is. Raises OSError for an image that
    Pillow cannot write.
    """
    untouched = _untouched(image)
    if untouched is not None:
        return untouched
    image = _in_a_common_mode(image)
    if image.format == "JPEG":
        return _saved(image, "JPEG", quality="keep")
    if image.mode == "CMYK":
        return _saved(image, "JPEG", quality=95, subsampling=0)
    png = _saved(image, "PNG")
    if len(png) > MAX_PNG_BYTES and image.mode in ("RGB", "L") and not image.has_transparency_data:
        return _saved(image, "JPEG", quality=95, subsampling=0)
    return png


def _untouched(image: Any) -> bytes | None:
    """The bytes of the file that was opened, as long as no pixel of it was read, so none can have been changed."""
    file = getattr(image, "fp", None)
    if file is None or not image.tile or image.format not in _SENT_AS_THEY_ARE or image.tell() != 0:
        return None
    place = file.tell()
    file.seek(0)
    data: bytes = file.read()
    file.seek(place)
    return data


def _in_a_common_mode(image: Any) -> Any:
    if image.mode == "I":  # gray with 16 bits, or with 8
        return image.convert("I;16" if image.getextrema()[1] > 255 else "L")
    mode = _INTO.get(image.mode)
    return image if mode is None else image.convert(mode)


def _saved(image: Any, format: str, **options: Any) -> bytes:
    kept = {name: image.info[name] for name in ("exif", "icc_profile") if name in image.info}
    buffer = io.BytesIO()
    image.save(buffer, format, **kept, **options)
    return buffer.getvalue()
