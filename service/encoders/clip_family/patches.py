"""Images of SigLIP 2's NaFlex → patches: as many as fit, in the shape of the image; nothing is cut or stretched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from PIL import Image
from transformers.models.siglip2.image_processing_pil_siglip2 import Siglip2ImageProcessorPil

from service.encoders.parallel import each


@dataclass(frozen=True, slots=True)
class PatchRecipe:
    """How an image becomes patches, by transformers' own Pillow processor.

    `fit` of the settings has no meaning here: the whole image is always kept.
    """

    processor: Siglip2ImageProcessorPil
    patch_size: int
    most: int
    names: ClassVar = ("pixel_values", "pixel_attention_mask", "spatial_shapes")
    """Of what the image tower takes."""

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> PatchRecipe:
        """From the content of `preprocessor_config.json`."""
        named = {name: value for name, value in raw.items() if name in _NAMES and value is not None}
        processor = Siglip2ImageProcessorPil(**named)
        return cls(processor, int(processor.patch_size), int(processor.max_num_patches))

    @property
    def mark(self) -> str:
        """The recipe in fingerprints."""
        values = [getattr(self.processor, name) for name in _NAMES]
        return f"patches {[list(value) if isinstance(value, tuple) else value for value in values]}"

    def fits(self, vision: Any) -> bool:
        """Whether a tower with this configuration takes these images."""
        return bool(vision.patch_size == self.patch_size)

    def inputs(self, images: Sequence[Image.Image]) -> dict[str, npt.NDArray[Any]]:
        """Patches [n, most, numbers of a patch], which of them are there [n, most], and rows and columns [n, 2]."""
        found = each(partial(_processed, self.processor), images)
        return {name: np.concatenate([one[name] for one in found]) for name in self.names}


_NAMES = (
    "do_resize",
    "resample",
    "do_rescale",
    "rescale_factor",
    "do_normalize",
    "image_mean",
    "image_std",
    "patch_size",
    "max_num_patches",
)


def _processed(processor: Any, image: Image.Image) -> dict[str, npt.NDArray[Any]]:
    return dict(processor([image.convert("RGB")], return_tensors="np"))
