"""Images → pixels, as a checkpoint's `preprocessor_config.json` says, with Pillow and numpy alone.

transformers' own loader wants torchvision for some of these files and does not know the older spelling of others
(`feature_extractor_type`, sizes as a bare number), hence this reader. The numbers are those of its Pillow processors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from service.encoders.options import Fit
from service.encoders.parallel import each
from service.images.normalize import flatten

Pixels = npt.NDArray[np.float32]

_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
_LONGEST_RATIO = 16

_CLIP: Mapping[str, Any] = {
    "do_resize": True,
    "size": {"shortest_edge": 224},
    "resample": Image.Resampling.BICUBIC,
    "do_center_crop": True,
    "crop_size": {"height": 224, "width": 224},
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": _CLIP_MEAN,
    "image_std": _CLIP_STD,
}
_SIGLIP: Mapping[str, Any] = {
    **_CLIP,
    "size": {"height": 224, "width": 224},
    "do_center_crop": False,
    "image_mean": (0.5, 0.5, 0.5),
    "image_std": (0.5, 0.5, 0.5),
}
_TIPS: Mapping[str, Any] = {
    **_SIGLIP,
    "size": {"height": 448, "width": 448},
    "resample": Image.Resampling.BILINEAR,
    "do_normalize": False,
}
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "clip": _CLIP,
    "chinese_clip": _CLIP,
    "siglip": _SIGLIP,
    "tipsv2": _TIPS,
}
"""Defaults for incomplete files, by transformers' `model_type`."""


@dataclass(frozen=True, slots=True)
class ImageRecipe:
    """How an image becomes float32 [3, side, side].

    `edge` is the length to which the shorter side is brought before the center is cut out; without it the image is
    stretched to the square. With `fit` "pad" the whole image is kept instead, in the middle of a white square.
    """

    side: int
    edge: int | None
    resample: int
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fit: Fit = "crop"
    names: ClassVar = ("pixel_values",)
    """Of what the image tower takes."""

    @property
    def mark(self) -> str:
        """The recipe in fingerprints. It is written out, since collections outlive the names of a class."""
        kept = f"side={self.side!r}, edge={self.edge!r}, resample={self.resample!r}, scale={self.scale!r}"
        return f"PictureRecipe({kept}, mean={self.mean!r}, std={self.std!r}, fit={self.fit!r})"

    @classmethod
    def read(cls, raw: Mapping[str, Any], model_type: str, fit: Fit = "crop") -> ImageRecipe:
        """From the content of `preprocessor_config.json`. Raises ValueError for an unknown recipe."""
        values = {**DEFAULTS[model_type], **{name: value for name, value in raw.items() if value is not None}}
        edge, square = _size(values["size"]) if values["do_resize"] else (None, None)
        if values["do_center_crop"]:
            square = _square(values["crop_size"])
        if square is None or (edge is not None and edge < square):
            raise ValueError("the image size cannot be read from preprocessor_config.json")
        normalized = values["do_normalize"]
        return cls(
            side=square,
            edge=edge if values["do_center_crop"] else None,
            resample=int(values["resample"]),
            scale=float(values["rescale_factor"]) if values["do_rescale"] else 1.0,
            mean=tuple(map(float, values["image_mean"])) if normalized else (0.0, 0.0, 0.0),
            std=tuple(map(float, values["image_std"])) if normalized else (1.0, 1.0, 1.0),
            fit=fit,
        )

    def fits(self, vision: Any) -> bool:
        """Whether a tower with this configuration takes these images."""
        return bool(vision.image_size == self.side)

    def inputs(self, images: Sequence[Image.Image]) -> dict[str, npt.NDArray[Any]]:
        """What the image tower takes."""
        return {"pixel_values": self.pixels(images)}

    def pixels(self, images: Sequence[Image.Image]) -> Pixels:
        """float32 [n, 3, side, side], scaled and normalized."""
        return np.stack(each(self._one, images))

    def _one(self, image: Image.Image) -> Pixels:
        square = np.asarray(self._padded(flatten(image)) if self.fit == "pad" else self._cropped(image.convert("RGB")))
        values = (np.arange(256, dtype=np.float64) * self.scale).astype(np.float32)
        normal = [(values - mean) / std for mean, std in zip(*np.array([self.mean, self.std], np.float32), strict=True)]
        return np.stack([table[square[..., channel]] for channel, table in enumerate(normal)])

    def _cropped(self, image: Image.Image) -> Image.Image:
        if self.edge is None:
            return image.resize((self.side, self.side), self.resample)
        image = _not_too_long(image)
        short = min(image.size)
        width, height = (self.edge if length == short else int(self.edge * length / short) for length in image.size)
        resized = image if (width, height) == image.size else image.resize((width, height), self.resample)
        left, top = (width - self.side) // 2, (height - self.side) // 2
        return resized.crop((left, top, left + self.side, top + self.side))

    def _padded(self, image: Image.Image) -> Image.Image:
        ratio = self.side / max(image.size)
        width, height = (max(1, round(length * ratio)) for length in image.size)
        square = Image.new("RGB", (self.side, self.side), "white")
        square.paste(
            image.resize((width, height), self.resample), ((self.side - width) // 2, (self.side - height) // 2)
        )
        return square


def _size(size: int | Mapping[str, int]) -> tuple[int | None, int | None]:
    """(shorter edge, side of the square), one of them None. A bare number is the older spelling of an edge."""
    if isinstance(size, int):
        return size, None
    if "shortest_edge" in size:
        return int(size["shortest_edge"]), None
    return None, _square(size)


def _square(size: int | Mapping[str, int]) -> int:
    if isinstance(size, int):
        return size
    if size["height"] != size["width"]:
        raise ValueError("the models of this family take square images")
    return int(size["height"])


def _not_too_long(image: Image.Image) -> Image.Image:
    """The middle of a strip: enlarged whole, an image of 3 x 10,000 pixels would take half a gigabyte."""
    width, height = image.size
    longest = _LONGEST_RATIO * min(image.size)
    if max(image.size) <= longest:
        return image
    left, top = max(0, (width - longest) // 2), max(0, (height - longest) // 2)
    return image.crop((left, top, left + min(width, longest), top + min(height, longest)))
