"""Features of candidates' images, for engines that rank by late interaction.

Such an engine looks at a candidate without knowing the query, and lets the two meet afterwards (Khattab & Zaharia,
"ColBERT", arXiv 2004.12832). What it made of an image serves every later query, so it can be stored, and neither the
image nor the model that looks at it is needed again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from PIL.Image import Image

from rerank.lru_cache import LruCache

__all__ = ["FeatureExtractor", "FeatureForm"]


@dataclass(frozen=True, slots=True)
class FeatureForm:
    """Which features these are. Those of another form say nothing to the engine."""

    id: str
    """Changes with weights, preprocessing and format: lower-case letters, digits and hyphens."""
    size: int
    """Bytes of one image's features."""


@runtime_checkable
class FeatureExtractor(Protocol):
    """An engine that ranks by features; it makes those of candidates whose request has none itself.

    It ranks by the same bytes in either case, so that an order never depends on what was stored.
    """

    @property
    def features(self) -> FeatureForm:
        """The form of its features; constant."""

    @property
    def feature_cache(self) -> LruCache[str, bytes]:
        """The features used last, by content hash, or by whatever else names an image for whoever asks."""

    def extract(self, images: Sequence[Image], *, deadline: float | None = None) -> list[bytes]:
        """The features of RGB images, `features.size` bytes each. Raises as `Engine.generate`."""
