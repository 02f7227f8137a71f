"""The input of a strategy: the shopper's query and the retrieved products."""

from dataclasses import dataclass

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
    """What the image shows, one clean line, where that is known; empty: nothing to say. None: the engine is asked."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One retrieved product."""

    id: str
    title: str
    """As the catalog has it: untrusted text, cleaned before it meets a prompt."""
    image: Image | None
    """RGB. None if the product has no image; it is shown as an empty cell."""
    score: float
    """Retrieval score, higher is better."""
    image_hash: str | None = None
    """Content hash of the image; the key under which its thumbnail is kept. None: the thumbnail is not kept."""
