"""What was made of images, kept as long as the image objects live."""

import weakref
from typing import Generic, TypeVar

from PIL import Image

Made = TypeVar("Made")


class ByImage(Generic[Made]):
    """One thing for each image object, which is forgotten with the image. Threads may share it."""

    def __init__(self) -> None:
        """Nothing is kept yet."""
        self._kept: dict[int, tuple[weakref.ref[Image.Image], Made]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, image: Image.Image, made: Made) -> None:
        """Keep what was made of an image."""

        def forget(_: object, key: int = id(image)) -> None:
            self._kept.pop(key, None)

        self._kept[id(image)] = weakref.ref(image, forget), made

    def get(self, image: Image.Image) -> Made | None:
        """What is kept of an image; None if nothing is."""
        image_ref, made = self._kept.get(id(image), (None, None))
        return made if image_ref is not None and image_ref() is image else None

    def take(self, image: Image.Image) -> Made | None:
        """The same, which is not kept any longer."""
        made = self.get(image)
        self._kept.pop(id(image), None)
        return made
