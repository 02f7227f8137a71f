"""Cached thumbnails, so that a product that is found often is resized once."""

from PIL import Image

from rerank.lru_cache import LruCache

__all__ = ["ThumbnailCache", "fitted"]


def fitted(image: Image.Image, width: int, height: int) -> Image.Image:
    """The image as large as fits into width × height pixels, proportions kept, RGB."""
    scale = min(width / image.width, height / image.height)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    plain = image if image.mode == "RGB" else image.convert("RGB")  # convert would copy what is RGB already
    return plain.resize(size, Image.Resampling.LANCZOS)


class ThumbnailCache(LruCache[tuple[str, int, int], Image.Image]):
    """At most `size` thumbnails; one for a panel's cell takes up to 0.2 MB."""

    def __init__(self, size: int = 256) -> None:
        super().__init__(size)

    def fitted(self, image: Image.Image, width: int, height: int, key: str | None) -> Image.Image:
        """As the function `fitted`; `key` is the image's content hash, None for one that is not to be kept.

        The thumbnail is shared: draw it, do not change it.
        """
        if key is None or self.size == 0:
            return fitted(image, width, height)
        place = (key, width, height)
        kept = self.get(place)
        if kept is None:
            kept = fitted(image, width, height)
            self.put(place, kept)
        return kept
