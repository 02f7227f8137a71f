"""What reads images at working size: the image store, or the images of a data set in place."""

from __future__ import annotations

from typing import Protocol

from rerank.engines.features import FeatureForm
from service.images.decode import DecodedImage
from service.images.store.stored_features import StoredFeatures


class Renditions(Protocol):
    """Images at working size, by key. Thread-safe."""

    def rendition(self, key: str) -> DecodedImage:
        """The decoded image, whose pixels may be shared: do not change them.

        Raises:
            ImageNotFound: there is none under this key.
            InvalidImage: it cannot be used.
            ImageStoreUnavailable: it cannot be read now.
        """
        ...

    def features(self, form: FeatureForm) -> StoredFeatures | None:
        """Where features of these images are stored; None: nowhere."""
        ...
