"""Pictures made smaller, kept so that a product that is found often is resized once."""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from PIL import Image

__all__ = ["ThumbnailCache", "fitted"]


def fitted(picture: Image.Image, width: int, height: int) -> Image.Image:
    """The picture as large as fits into width × height pixels, proportions kept, RGB."""
    scale = min(width / picture.width, height / picture.height)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    plain = picture if picture.mode == "RGB" else picture.convert("RGB")  # convert would copy what is RGB already
    return plain.resize(size, Image.Resampling.LANCZOS)


class ThumbnailCache:
    """A thread-safe map of at most `size` thumbnails; the least recently used one goes first. Size 0 keeps none.

    A thumbnail for a panel's cell takes up to 0.2 MB.
    """

    def __init__(self, size: int = 256) -> None:
        self.size = size
        self.on_lookup: Callable[[bool], None] | None = None
        """Told of each look-up whether the thumbnail was kept."""
        self._kept: OrderedDict[tuple[str, int, int], Image.Image] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def fitted(self, picture: Image.Image, width: int, height: int, key: str | None) -> Image.Image:
        """As the function `fitted`; `key` is the picture's content hash, None for one that is not to be kept.

        The thumbnail is shared: draw it, do not change it.
        """
        if key is None or self.size == 0:
            return fitted(picture, width, height)
        place = (key, width, height)
        with self._lock:
            kept = self._kept.get(place)
            if kept is not None:
                self._kept.move_to_end(place)
        if self.on_lookup is not None:
            self.on_lookup(kept is not None)
        if kept is not None:
            return kept
        made = fitted(picture, width, height)  # outside the lock: others need not wait for it
        with self._lock:
            self._kept[place] = made
            while len(self._kept) > self.size:
                self._kept.popitem(last=False)
        return made
