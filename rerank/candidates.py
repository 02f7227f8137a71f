"""The retrieved products, as a strategy sees them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from PIL.Image import Image

__all__ = ["Candidate"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One retrieved product."""

    id: str
    title: str
    """As in the catalog: untrusted text, sanitized before it enters a prompt."""
    image: Image | None
    """RGB. None if the product has no image, which is shown as an empty cell, or if there are `features` of it."""
    score: float
    """Retrieval score, higher is better."""
    image_hash: str | None = None
    """Content hash of the image; the key under which its thumbnail is kept. None: the thumbnail is not kept."""
    facts: Mapping[str, object] = field(default_factory=dict)
    """What else the catalog says of it, by name, such as `category` and `price`: untrusted, like the title."""
    features: bytes | None = None
    """What the engine extracted of the image before (`rerank.engines.features`)."""
