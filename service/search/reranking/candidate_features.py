"""The features that an engine ranks candidates by: from memory, from where they are stored, or extracted and stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from PIL.Image import Image

from rerank.engines.features import FeatureExtractor
from rerank.errors import EngineError
from service.images.store.renditions import Renditions
from service.images.store.stored_features import StoredFeatures


@dataclass(frozen=True, slots=True, eq=False)
class FeatureUse:
    """What extracts features and has those used last in memory, and whether they are stored beside the images."""

    extractor: FeatureExtractor
    stored: bool = True

    def of(self, images: Renditions) -> FeatureFiles:
        """The features of these images."""
        return FeatureFiles(self.extractor, images.features(self.extractor.features) if self.stored else None)


@dataclass(frozen=True, slots=True)
class FeatureFiles:
    """The features of some images by key; `stored` None: in memory alone."""

    extractor: FeatureExtractor
    stored: StoredFeatures | None

    def known(self, key: str) -> bytes | None:
        """The features of an image if they need not be extracted. Raises as `StoredFeatures.read`."""
        name = self._name(key)
        found = self.extractor.feature_cache.get(name)
        if found is None and self.stored is not None:
            found = self.stored.read(key)
            if found is not None:
                self.extractor.feature_cache.put(name, found)
        return found

    def extract(
        self, images: Mapping[str, Image], deadline: float, write: Callable[[Callable[[], None]], object]
    ) -> dict[str, bytes]:
        """The features of images by key, extracted in one call of the engine; `write` is to run what stores them.

        Nothing if the engine fails: it will be asked about the images themselves, and says then what is wrong.
        """
        try:
            made = self.extractor.extract(list(images.values()), deadline=deadline)
        except EngineError:
            return {}
        found = dict(zip(images, made, strict=True))
        for key, features in found.items():
            self.extractor.feature_cache.put(self._name(key), features)
        if self.stored is not None:
            write(lambda: self._keep(found.items()))
        return found

    def _keep(self, found: Iterable[tuple[str, bytes]]) -> None:
        assert self.stored is not None
        for key, features in found:
            self.stored.keep(key, features)

    def _name(self, key: str) -> str:
        return key if self.stored is None else self.stored.name(key)
