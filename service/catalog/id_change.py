"""Detects a feed whose products are already in the catalog under other ids, before it duplicates the catalog.

This happens if the id column was named in only one of two runs.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from service.catalog.rows import FeedRow
from service.errors import ChangedIds
from service.stores.store import Store
from service.support.batches import in_batches

_ID_BATCH = 256


class IdChange:
    """Looks at the rows of a feed, in lots, until it meets a product that is stored."""

    def __init__(self, store: Store, product_ids: Callable[[], Iterable[str]]) -> None:
        """`product_ids` gives the ids of all products of the feed. Nothing is asked before the first lot."""
        self._store = store
        self._product_ids = product_ids
        self._settled = False
        self._images: npt.NDArray[np.uint64] | None = None

    def check(self, lot: Sequence[FeedRow]) -> None:
        """Return if these rows may be written.

        Raises:
            ChangedIds: half of the images in this lot are stored, but none of the feed's products is. An image that
                several rows share counts once.
        """
        if self._settled or not lot:
            return
        self._settled = self._is_stored([row.product.id for row in lot])
        known = {} if self._settled else self._known(lot)
        if not known or 2 * len(known) < len(lot):
            return
        self._settled = any(self._is_stored(ids) for ids in in_batches(self._product_ids(), _ID_BATCH))
        if not self._settled:
            key, row = next(iter(known.items()))
            raise ChangedIds(
                f"{ChangedIds.default_detail} Line {row.line} has the image of {self._owner(key)!r}, here called "
                f"{row.product.id!r}."
            )

    def _is_stored(self, product_ids: Sequence[str]) -> bool:
        return bool(self._store.row_ids(list(dict.fromkeys(product_ids))))

    def _known(self, lot: Sequence[FeedRow]) -> dict[str, FeedRow]:
        """The different images of the lot that are stored, each with the first row that has it."""
        if self._images is None:
            self._images = self._stored_images()
        by_key: dict[str, FeedRow] = {}
        for row in lot:
            if row.image_key:
                by_key.setdefault(row.image_key, row)
        stored = np.isin(np.array([_hash(key) for key in by_key], np.uint64), self._images)
        return {key: by_key[key] for key, is_stored in zip(by_key, stored, strict=True) if is_stored}

    def _stored_images(self) -> npt.NDArray[np.uint64]:
        """A 64-bit hash of each stored image, sorted: 8 MB for a million rows."""
        keys = (row.image_key for page in self._store.scan() for row in page)
        return np.unique(np.fromiter((_hash(key) for key in keys), np.uint64))

    def _owner(self, key: str) -> str:
        """A product that has this image."""
        rows = (row for page in self._store.scan() for row in page)
        return next((row.product_id for row in rows if row.image_key == key), "")


def _hash(key: str) -> int:
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big")
