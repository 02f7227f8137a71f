"""Small images for tests, as encoded bytes."""

import io
from typing import Any

from PIL import Image

RED = (220, 20, 30)
BLUE = (10, 40, 200)


def encoded(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    """The bytes of an image in a format."""
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def sample_image(colour: tuple[int, int, int] = RED, size: tuple[int, int] = (32, 24), format: str = "PNG") -> bytes:
    """A plain image of one color."""
    return encoded(Image.new("RGB", size, colour), format)


def two_tone(size: tuple[int, int] = (60, 30)) -> Image.Image:
    """Left half red, right half blue; wider than high, so that turning shows."""
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (size[0] // 2, 0, size[0], size[1]))
    return image
