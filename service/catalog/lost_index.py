"""Detects an index that lost its products, by the images that are still stored."""

from __future__ import annotations

from service.errors import IndexLost
from service.images.store.image_store import FEW_IMAGES, ImageStore, Swept
from service.stores.store import VersionedStore


def check_not_lost(store: VersionedStore, images: ImageStore) -> None:
    """Stop before a service fills an index that shrank to nothing, as damage or another disk at its place leave it.

    A collection that does not exist yet is not a lost one, and neither is an empty one among others that are in use.

    Raises:
        IndexLost: the collection exists, nothing is in any of ours, and there are many images.
    """
    if store.built_by() is None or store.count() or not images.holds_many():
        return
    if not store.image_keys():
        raise IndexLost


def check_sweep(planned: Swept, used: int) -> None:
    """Stop before more is deleted than stays.

    Raises:
        IndexLost: many images would go, and more than are in use.
    """
    if planned.images > max(FEW_IMAGES, used):
        raise IndexLost(
            f"{planned.images} images would be deleted and {used} are in use, so the index may be lost or the "
            "wrong one. Nothing was deleted. If this is intended, run `withthis gc --delete-most`."
        )
