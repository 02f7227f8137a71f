"""An image → the pixels that MagicLens was trained on.

`fit="crop"` is what the published script does: RGB with alpha dropped, divided by the largest value of this image
instead of 255, and stretched to a square, bilinear with antialiasing, without rounding to bytes. Nothing is cropped.
`fit="pad"` keeps the shape of the image and fills the square with white.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from service.encoders.magiclens.sizes import IMAGE_MEAN, IMAGE_STD
from service.encoders.options import Fit
from service.encoders.parallel import each
from service.images.normalize import flatten

Pixels = npt.NDArray[np.float32]
_WHITE = 255.0


def to_pixels(images: Sequence[Image.Image], fit: Fit, size: int) -> Pixels:
    """Images of any size and mode → float32 [n, 3, size, size], normalized."""
    values = np.stack(each(_padded if fit == "pad" else _stretched, [(image, size) for image in images]))
    mean, std = (np.array(numbers, np.float32)[:, None, None] for numbers in (IMAGE_MEAN, IMAGE_STD))
    normal: Pixels = (values - mean) / std
    return normal


def _stretched(work: tuple[Image.Image, int]) -> Pixels:
    image, size = work
    image = flatten(image) if image.mode.startswith("I") else image.convert("RGB")  # Pillow clips 16-bit gray to white
    largest = np.asarray(image).max()
    return _resized(image, size, size) / np.float32(largest + 1e-12)


def _padded(work: tuple[Image.Image, int]) -> Pixels:
    image, size = work
    width, height = (max(1, round(side * size / max(image.size))) for side in image.size)
    left, top = (size - width) // 2, (size - height) // 2
    square = np.full((3, size, size), _WHITE, np.float32)
    square[:, top : top + height, left : left + width] = _resized(flatten(image), width, height)
    return square / np.float32(_WHITE)


def _resized(image: Image.Image, width: int, height: int) -> Pixels:
    """RGB → float32 [3, height, width]. Mode "F" is one channel of float32; the filter of Pillow is the published one,
    a triangle with half-pixel centers, as wide as the scale.
    """
    return np.stack(
        [
            np.asarray(channel.convert("F").resize((width, height), Image.Resampling.BILINEAR))
            for channel in image.split()
        ]
    )
