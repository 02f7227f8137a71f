"""What images of searches look like, so that encoder and reranker look at each of them once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from starter.by_image import ByImage
from starter.views import Views, look

Words = tuple[int, ...]
"""Token ids of a text, without padding."""


@dataclass(slots=True, eq=False)
class Look:
    """n images: cells [n, 49, 1280] and image tokens [n, 8, 384] of both views, 0.5 MB an image.

    `known`: the vectors [384] that were made of each image so far, by the words beside it; None: of the image alone.
    """

    cells: Views
    tokens: Views
    known: list[dict[Words | None, Tensor]]

    @classmethod
    def joined(cls, parts: Sequence["Look"]) -> "Look":
        """The images of all parts, in order."""
        if len(parts) == 1:
            return parts[0]
        cells, tokens = Views.joined([part.cells for part in parts]), Views.joined([part.tokens for part in parts])
        return cls(cells, tokens, [known for part in parts for known in part.known])

    def vectors(self, words: Sequence[Words | None], make: Callable[[], Tensor]) -> Tensor:
        """The vectors [n, 384] of the images with these words, which `make` makes of all unless each is known."""
        wanted = list(zip(self.known, words, strict=True))
        if any(beside not in known for known, beside in wanted):
            for (known, beside), vector in zip(wanted, make(), strict=True):
                known[beside] = vector.clone()
        return torch.stack([known[beside] for known, beside in wanted])

    def single(self) -> list["Look"]:
        """The images one by one, as copies, so that keeping one does not keep them all."""
        if len(self.known) == 1:
            return [self]
        views = zip(self.cells.single(), self.tokens.single(), self.known, strict=True)
        return [Look(cells, tokens, [known]) for cells, tokens, known in views]


class Looks:
    """Looks at images. What is kept of one is forgotten with the image itself: at the end of its search.

    Kept by the image object and not by its content, since the pixels that a product's image is ranked by may be those
    of a smaller rendition, and a vector must not depend on what was asked before. Threads may share it.
    """

    def __init__(self, backbone: Callable[[Tensor], Tensor], read: Callable[[Views], Views]) -> None:
        """`backbone`: [m, 3, 224, 224] → [m, 49, 1280]; `read`: cells of both views → their image tokens."""
        self._backbone, self._read = backbone, read
        self._kept = ByImage[Look]()

    def __len__(self) -> int:
        return len(self._kept)

    def at(self, images: Sequence[Image.Image], *, keep: bool) -> Look:
        """Look at images in one batch, but for those of which a look is kept; `keep` what is new."""
        known = [self._kept.get(image) for image in images]
        missing = [image for image, look in zip(images, known, strict=True) if look is None]
        if len(missing) == len(images) and not keep:
            return self._new(images)
        new = self._new(missing).single() if missing else []
        if keep:
            for image, one in zip(missing, new, strict=True):
                self._kept.keep(image, one)
        rest = iter(new)
        return Look.joined([next(rest) if one is None else one for one in known])

    def _new(self, images: Sequence[Image.Image]) -> Look:
        cells = look(self._backbone, images)
        return Look(cells, self._read(cells), [{} for _ in images])
