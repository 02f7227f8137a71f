"""The input of a strategy: the shopper's query and the retrieved products."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from PIL.Image import Image

__all__ = ["Candidate", "RerankQuery"]


@dataclass(frozen=True, slots=True)
class RerankQuery:
    """A sentence, an image (RGB), or both."""

    text: str | None
    image: Image | None
    image_hash: str | None
    """Content hash of the image; the key under which its caption is kept. None: the caption is not kept."""
    caption: str | None = None
    """The caption of the image, one clean line, if known; empty: no caption. None: the engine generates one."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One retrieved product."""

    id: str
    title: str
    """As in the catalog: untrusted text, sanitized before it enters a prompt."""
    image: Image | None
    """RGB. None if the product has no image; it is shown as an empty cell."""
    score: float
    """Retrieval score, higher is better."""
    image_hash: str | None = None
    """Content hash of the image; the key under which its thumbnail is kept. None: the thumbnail is not kept."""
    facts: Mapping[str, object] = field(default_factory=dict)
    """What else the catalog says of it, by name, such as `category` and `price`: untrusted, like the title."""
