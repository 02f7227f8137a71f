"""Tensors that are made of images before they are needed."""

import weakref
from concurrent.futures import Future

from PIL import Image
from torch import Tensor


class Prepared:
    """One tensor for each image object, which is forgotten with the image. Threads may share it."""

    def __init__(self) -> None:
        """Nothing is kept yet."""
        self._kept: dict[int, tuple[weakref.ref[Image.Image], Future[Tensor]]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, image: Image.Image, made: Future[Tensor]) -> None:
        """Keep what is being made of an image until it is taken."""

        def forget(_: object, key: int = id(image)) -> None:
            self._kept.pop(key, None)

        self._kept[id(image)] = weakref.ref(image, forget), made

    def take(self, image: Image.Image) -> Tensor | None:
        """What was kept, once, as soon as it is made; None if nothing was."""
        image_ref, made = self._kept.pop(id(image), (None, None))
        return made.result() if made is not None and image_ref is not None and image_ref() is image else None
