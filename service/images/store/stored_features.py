"""Features that an engine extracted of images (`rerank.engines.features`), stored beside the originals."""

from __future__ import annotations

from rerank.engines.features import FeatureForm
from service.images.store.derived_files import DerivedFiles
from service.images.store.file_names import derived_name


class StoredFeatures:
    """Those of one form. Thread-safe; several processes may write the same."""

    def __init__(self, files: DerivedFiles, folder: str, form: FeatureForm) -> None:
        """`folder` differs for each form, and for each way to make the images that the features are extracted of."""
        self._files, self._folder, self._form = files, folder, form

    def name(self, key: str) -> str:
        """What names the features of an image among all that there are. Raises ImageNotFound for what is not a key."""
        return derived_name(self._folder, key, "bin")

    def read(self, key: str) -> bytes | None:
        """The features of an image; None if none of this form and size are stored.

        Raises ImageNotFound for what is not a key, or ImageStoreUnavailable.
        """
        found = self._files.read(self.name(key))
        return found if found is not None and len(found) == self._form.size else None

    def keep(self, key: str, features: bytes) -> None:
        """Store the features of an image if that is possible. Raises ImageNotFound for what is not a key."""
        self._files.keep(self.name(key), features)
