"""Tensors that were made of images before they are needed."""

import weakref

from PIL import Image
from torch import Tensor


class Prepared:
    """One tensor for each image object, which is forgotten with the image. Threads may share it."""

    def __init__(self) -> None:
        """Nothing is kept yet."""
        self._kept: dict[int, tuple[weakref.ref[Image.Image], Tensor]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, image: Image.Image, made: Tensor) -> None:
        """Keep what was made of an image until it is taken."""

        def forget(_: object, key: int = id(image)) -> None:
            self._kept.pop(key, None)

        self._kept[id(image)] = weakref.ref(image, forget), made

    def take(self, image: Image.Image) -> Tensor | None:
        """What was kept, once; None if nothing was."""
        image_ref, made = self._kept.pop(id(image), (None, None))
        return made if image_ref is not None and image_ref() is image else None
