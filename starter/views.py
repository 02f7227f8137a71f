"""Two views of an image: the whole of it, and a zoomed-in crop of its middle.

At 224 pixels a motif on a product is a few cells of the backbone's grid; the middle, at two and a half times the scale,
shows its details. Vectors of both are averaged, as crops of an image are at test time (Krizhevsky, Sutskever and
Hinton, NIPS 2012, §4.1). Share and weight were chosen on the development concepts, never on the held-out ones.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from service.encoders.compiled.spread import shared_threads
from service.support.batches import in_batches
from starter.backbone import preprocess
from starter.by_image import ByImage

VIEWS = "whole+middle-0.4@0.5/v1"
"""Names what is done here, for the fingerprint of the vectors."""
_MIDDLE_SHARE = 0.4
"""Of the width and of the height."""
_MIDDLE_WEIGHT = 0.5
"""Of the middle's vector, beside 1 for that of the whole."""

_IMAGES = 2
"""For each thread of those that look at some together."""
_PREPARED = ByImage[Future[Tensor]]()


@dataclass(frozen=True, slots=True)
class Views:
    """Something of n images, [n, …], for each view: cells, image tokens."""

    whole: Tensor
    middle: Tensor

    @classmethod
    def split(cls, both: Tensor) -> "Views":
        """The first half of the rows is of the whole, the second of the middle."""
        return cls(*both.chunk(2))

    @classmethod
    def joined(cls, parts: Sequence["Views"]) -> "Views":
        """The images of all parts, in order."""
        return cls(torch.cat([part.whole for part in parts]), torch.cat([part.middle for part in parts]))

    @property
    def both(self) -> Tensor:
        """[2n, …], as `split` takes it."""
        return torch.cat((self.whole, self.middle))

    def through(self, function: Callable[[Tensor], Tensor]) -> "Views":
        """What `function` makes of both views, in one pass."""
        return Views.split(function(self.both))

    def single(self) -> list["Views"]:
        """The images one by one, [1, …] each, as copies of their own."""
        both = zip(torch.split(self.whole, 1), torch.split(self.middle, 1), strict=True)
        return [Views(whole.clone(), middle.clone()) for whole, middle in both]


def look(backbone: Callable[[Tensor], Tensor], images: Sequence[Image.Image]) -> Views:
    """Cells of both views, [n, 49, 1280] each; `backbone`: [m, 3, 224, 224] → [m, 49, 1280].

    Pixels are computed by all threads, of a few images at once: those of all would have to be read from memory again.
    """
    groups = [*in_batches(images, _IMAGES * torch.get_num_threads()), []]
    seen = []
    if len(images) > 1:
        prepare(groups[0])
    for group, following in pairwise(groups):
        prepare(following)  # before the backbone is done with this group, so that no thread waits
        seen.append(Views.split(backbone(pixels(group))))
    return seen[0] if len(seen) == 1 else Views.joined(seen)


def prepare(images: Sequence[Image.Image]) -> None:
    """Begin to compute the pixels of images that are looked at soon, 1.2 MB each; they are kept until then, or as long
    as the image objects live.
    """
    threads = shared_threads(torch.get_num_threads())
    for image in images:
        if _PREPARED.get(image) is None:
            _PREPARED.keep(image, threads.submit(_both_views, [image]))


def pixels(images: Sequence[Image.Image]) -> Tensor:
    """Both views as the backbone takes them, [2n, 3, 224, 224], in the order of `Views.split`."""
    taken = [_PREPARED.take(image) for image in images]
    prepared = [None if one is None else one.result() for one in taken]
    if all(one is None for one in prepared):
        return _both_views(images)
    views = [_both_views([image]) if one is None else one for image, one in zip(images, prepared, strict=True)]
    if len(views) == 1:
        return views[0]
    return torch.from_numpy(np.concatenate([one[place : place + 1].numpy() for place in (0, 1) for one in views]))


def _both_views(images: Sequence[Image.Image]) -> Tensor:
    return preprocess([*images, *map(middle, images)])


def blend(vectors: Views) -> Tensor:
    """Unit vectors [n, d] out of those of both views."""
    return functional.normalize(vectors.whole + _MIDDLE_WEIGHT * vectors.middle, dim=-1)


def middle(image: Image.Image) -> Image.Image:
    """The middle of an image, which is looked at closer."""
    width, height = (max(1, round(side * _MIDDLE_SHARE)) for side in image.size)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))
