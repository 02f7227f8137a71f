"""An image as Phi-3 Vision sees it: a global view and a grid of crops, each 336 × 336.

Source: the published image processor of microsoft/Phi-3-vision-128k-instruct. The image is laid on its long side,
enlarged or reduced to a whole number of crops in width, padded with white to a whole number in height, and turned back.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

__all__ = ["CROP_SIDE", "MERGED_SIDE", "ImageCrops", "cut", "hd_transform", "token_count"]

CROP_SIDE = 336
"""Pixels along one side of a crop."""

MERGED_SIDE = 12
"""Tokens along one side of a crop: 24 × 24 patches, merged two by two."""

_MEAN = (0.48145466, 0.4578275, 0.40821073)
_STD = (0.26862954, 0.26130258, 0.27577711)
_WHITE = (255, 255, 255)


@dataclass(frozen=True)
class ImageCrops:
    """One image, ready for the vision tower."""

    pixels: Tensor
    """Float32 [1 + rows · columns, 3, 336, 336], normalized: the global view, then the crops row by row."""
    rows: int
    columns: int

    @property
    def tokens(self) -> int:
        """How many positions of the prompt the image takes."""
        return token_count(self.rows, self.columns)


def token_count(rows: int, columns: int) -> int:
    """Tokens of an image of so many crops: 144 a crop and for the global view, one behind every row, one between."""
    return (rows * columns + 1) * MERGED_SIDE**2 + (rows + 1) * MERGED_SIDE + 1


def cut(image: Image.Image, num_crops: int) -> ImageCrops:
    """Cut an image of any size and mode into at most `num_crops` crops and a global view."""
    fitted = hd_transform(image, num_crops)
    whole = _normalize(fitted)
    rows, columns = fitted.height // CROP_SIDE, fitted.width // CROP_SIDE
    grid = whole.reshape(3, rows, CROP_SIDE, columns, CROP_SIDE).permute(1, 3, 0, 2, 4)
    return ImageCrops(torch.cat((_global_view(whole), grid.flatten(0, 1))), rows, columns)


def hd_transform(image: Image.Image, num_crops: int) -> Image.Image:
    """Scale and pad to a multiple of 336 in both directions, at most `num_crops` squares in all.

    ValueError for less than one crop.
    """
    if num_crops < 1:
        raise ValueError(f"at least one crop is needed, not {num_crops}")
    rgb = image.convert("RGB")  # alpha is dropped, not composited on white: the colors below it reappear
    upright = rgb.width < rgb.height
    wide = rgb.transpose(Image.Transpose.TRANSPOSE) if upright else rgb
    padded = _pad(wide.resize(_fit(wide.width / wide.height, num_crops), Image.Resampling.BILINEAR))
    return padded.transpose(Image.Transpose.TRANSPOSE) if upright else padded


def _fit(ratio: float, num_crops: int) -> tuple[int, int]:
    """Width and height in pixels of the image with this ratio ≥ 1: as many crops wide as the number allows."""
    scale = 1
    while (scale + 1) * math.ceil((scale + 1) / ratio) <= num_crops:
        scale += 1
    width = CROP_SIDE * scale
    return width, max(1, int(width / ratio))


def _pad(image: Image.Image) -> Image.Image:
    """White above and below, up to a multiple of 336."""
    height = math.ceil(image.height / CROP_SIDE) * CROP_SIDE
    canvas = Image.new("RGB", (image.width, height), _WHITE)
    canvas.paste(image, (0, (height - image.height) // 2))
    return canvas


def _normalize(image: Image.Image) -> Tensor:
    """Float32 [3, height, width] with CLIP's mean and deviation."""
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (_MEAN, _STD))
    return (pixels - mean) / std


def _global_view(whole: Tensor) -> Tensor:
    """The padded image as one crop [1, 3, 336, 336]: resized after normalization, without antialiasing."""
    size = (CROP_SIDE, CROP_SIDE)
    return functional.interpolate(whole[None], size=size, mode="bicubic", align_corners=False, antialias=False)
