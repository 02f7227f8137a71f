"""What an engine is shown: one panel, or the query picture followed by one picture a candidate."""

from collections.abc import Sequence
from typing import Literal

from PIL.Image import Image

from rerank.candidates import Candidate, RerankQuery
from rerank.panel import blank, draw_panel
from rerank.thumbnails import ThumbnailCache

__all__ = ["pictures"]


def pictures(
    query: RerankQuery,
    shown: Sequence[Candidate],
    names: Sequence[str],
    layout: Literal["image", "panel", "images"],
    thumbnails: ThumbnailCache,
) -> tuple[Image, ...]:
    """The pictures of one request, RGB; `names` are written on the panel's cells, one a candidate."""
    if layout == "panel":
        keys = [candidate.image_hash for candidate in shown]
        images = [candidate.image for candidate in shown]
        return (draw_panel(query.image, images, names, keys=keys, thumbnails=thumbnails),)
    images_shown = tuple(candidate.image or blank() for candidate in shown)
    return images_shown if query.image is None else (query.image, *images_shown)
