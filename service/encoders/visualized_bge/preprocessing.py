"""An image → the pixels that the vision tower was trained on.

`fit="crop"` is what the published code does with torchvision, to the last bit: shortest edge to 224 by PIL's bicubic
filter, center crop, and only then RGB. The order matters: an image with alpha is resized with alpha, which is then
dropped, so clear areas turn black; a palette image is resized by nearest neighbor. `fit="pad"` shrinks the whole
image onto a white square instead, for tall or wide product photos whose ends a crop would cut off; such images are
flattened on white first. EXIF orientation is ignored: callers turn images upright before.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from service.encoders.options import Fit
from service.images.normalize import flatten

# Modes for which Pillow both resizes and converts to RGB without losing the image (16-bit gray would turn white).
_PLAIN_MODES = frozenset(
    {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV", "LAB"}
)
# A side more than this many times the other would make the resized strip larger than anything worth holding.
_LONGEST_STRIP = 32
_WHITE = (255, 255, 255)


def crop_pixels(image: Image.Image, size: int = 224) -> Image.Image:
    """The published preprocessing: RGB, size × size."""
    if image.mode not in _PLAIN_MODES:
        image = flatten(image)
    width, height = image.size
    short, long = min(width, height), max(width, height)
    reduced = int(size * long / short)  # truncated, as torchvision does
    start = round((reduced - size) / 2.0)  # halves go to the even number, as in Python's round
    if reduced > size * _LONGEST_STRIP:
        return _crop_strip(image, size, start, reduced).convert("RGB")
    target = (reduced, size) if width > height else (size, reduced)
    if image.size != target:  # an image that already fits keeps the colors under its clear areas
        image = image.resize(target, Image.Resampling.BICUBIC)
    left, top = (start, 0) if width > height else (0, start)
    return image.crop((left, top, left + size, top + size)).convert("RGB")


def _crop_strip(image: Image.Image, size: int, start: int, reduced: int) -> Image.Image:
    """The same part of a very long image, resized without the rest of it; Pillow rounds it a little differently."""
    width, height = image.size
    scale = max(width, height) / reduced
    near, far = start * scale, (start + size) * scale
    box = (near, 0, far, height) if width > height else (0, near, width, far)
    return image.resize((size, size), Image.Resampling.BICUBIC, box=box)


def pad_pixels(image: Image.Image, size: int = 224) -> Image.Image:
    """The whole image in the middle of a white square: RGB, size × size."""
    image = flatten(image)
    scale = size / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    canvas = Image.new("RGB", (size, size), _WHITE)
    canvas.paste(image.resize((width, height), Image.Resampling.BICUBIC), ((size - width) // 2, (size - height) // 2))
    return canvas


_FITS = {"crop": crop_pixels, "pad": pad_pixels}


def to_bytes(images: Sequence[Image.Image], fit: Fit, size: int = 224) -> npt.NDArray[np.uint8]:
    """Images of any size and mode → uint8 [n, 3, size, size], before scaling."""
    fitted = [np.asarray(_FITS[fit](image, size)) for image in images]
    return np.ascontiguousarray(np.stack(fitted).transpose(0, 3, 1, 2))


def normalize(pixels: torch.Tensor, mean: Sequence[float], std: Sequence[float]) -> torch.Tensor:
    """uint8 [n, 3, h, w] → float32, (pixels / 255 - mean) / std, on the tensor's own device."""
    center, spread = (torch.tensor(values, device=pixels.device).view(-1, 1, 1) for values in (mean, std))
    return pixels.to(torch.float32).div_(255).sub_(center).div_(spread)
