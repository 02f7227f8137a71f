"""The declared size of an image, before anything of it is decoded."""

from __future__ import annotations

import io

from PIL import Image

FORMATS = ("JPEG", "PNG", "WEBP")
"""The formats that are ever opened, as Pillow names them."""


def pixels(data: bytes) -> int:
    """Width x height by the header; 0 for what is not an image, of which decoding says why."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            return opened.width * opened.height
    except Exception:  # declared fault boundary: on hostile bytes a reader may raise anything
        return 0
