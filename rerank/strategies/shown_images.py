"""The images shown to an engine: one panel, or the query image followed by one image per candidate."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from PIL.Image import Image

from rerank.candidates import Candidate
from rerank.panel import blank, draw_panel
from rerank.query import Query
from rerank.thumbnails import ThumbnailCache

__all__ = ["Shown", "images_for"]

_NO_IMAGE = blank()
_NO_IMAGE_KEY = "no-image"
"""In place of a content hash: documents without an image share one, which an engine need look at only once."""


class Shown(NamedTuple):
    """The images of one request, RGB, their content hashes, and the features in their place, if there are any; a panel,
    drawn for this request, has neither.
    """

    images: tuple[Image, ...]
    keys: tuple[str | None, ...]
    features: tuple[bytes | None, ...] = ()


def images_for(
    query: Query,
    shown: Sequence[Candidate],
    names: Sequence[str],
    layout: Literal["image", "panel", "images"],
    thumbnails: ThumbnailCache,
) -> Shown:
    """The images of one request; `names` are written on the panel's cells, one per candidate."""
    if layout == "panel":
        keys = [candidate.image_hash for candidate in shown]
        images = [candidate.image for candidate in shown]
        return Shown((draw_panel(query.image, images, names, keys=keys, thumbnails=thumbnails),), ())
    seen = [_seen(one) for one in shown]
    if query.image is not None:
        seen.insert(0, (query.image, query.image_hash, None))
    features = tuple(one for _, _, one in seen)
    return Shown(
        tuple(image for image, _, _ in seen), tuple(key for _, key, _ in seen), features if any(features) else ()
    )


def _seen(candidate: Candidate) -> tuple[Image, str | None, bytes | None]:
    if candidate.features is not None:
        return _NO_IMAGE, candidate.image_hash, candidate.features
    return (candidate.image, candidate.image_hash, None) if candidate.image else (_NO_IMAGE, _NO_IMAGE_KEY, None)
