"""Files made from originals, which can be made again: a damaged one counts as none, and one that cannot be written is
done without.
"""

import logging
import time

from service.errors import ImageStoreUnavailable, StoreFull
from service.images.store.blobs import BlobStore, seal, unseal

logger = logging.getLogger(__name__)

_REST_S = 60.0
"""How long nothing of a kind is written after that failed: a full disk, or a store that can only be read, fails each
time.
"""


class DerivedFiles:
    """Reads and writes derived files by name. Picklable; threads and processes may share them."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._rest_until: dict[str, float] = {}

    def read(self, name: str) -> bytes | None:
        """The bytes; None if there are none, or if they were damaged. Raises ImageStoreUnavailable."""
        try:
            return unseal(self._blobs.read(name))
        except FileNotFoundError:
            return None

    def keep(self, name: str, data: bytes) -> None:
        """Write bytes if that is possible. Raises nothing."""
        folder = name.partition("/")[0]
        if time.monotonic() < self._rest_until.get(folder, 0.0):
            return
        try:
            self._blobs.put(name, seal(data))
        except (ImageStoreUnavailable, StoreFull):
            self._rest_until[folder] = time.monotonic() + _REST_S
            text = "%s could not be stored; they will be made again, and none is stored for %d s"
            logger.warning(text, folder, _REST_S, exc_info=True)
