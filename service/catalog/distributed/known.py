"""The set of stored images by product, small enough to be sent to every worker."""

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from service.stores.store import Store


@dataclass(frozen=True, slots=True, eq=False)
class StoredImages:
    """A sorted array of 64-bit hashes, uint64 [rows]: 8 MB for a million rows.

    It only spares workers from decoding and encoding: a row is compared with the store itself before it is written, so
    a collision, or a row that was deleted since, costs only a later encoding.
    """

    hashes: npt.NDArray[np.uint64]

    @classmethod
    def of(cls, store: Store) -> "StoredImages":
        """Goes through all rows of the store, without their vectors."""
        rows = (row for page in store.scan() for row in page)
        hashes = np.fromiter((_hash(row.product_id, row.image_key) for row in rows), np.uint64)
        hashes.sort()
        return cls(hashes)

    def has(self, product_id: str, image_key: str) -> bool:
        """True if the product has this image, under whatever number."""
        wanted = np.uint64(_hash(product_id, image_key))
        place = int(np.searchsorted(self.hashes, wanted))
        return place < len(self.hashes) and bool(self.hashes[place] == wanted)


def _hash(product_id: str, image_key: str) -> int:
    digest = hashlib.blake2b(f"{product_id}\0{image_key}".encode(), digest_size=8)
    return int.from_bytes(digest.digest(), "big")
