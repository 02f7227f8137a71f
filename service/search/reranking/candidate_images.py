"""Reads what a reranker is to see of hits: their images, or the features that its model ranks by."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from PIL.Image import Image

from rerank.cancellation import check_cancelled
from service.errors import ImageNotFound, ImageStoreUnavailable, InvalidImage
from service.images.store.renditions import Renditions
from service.search.reranking.candidate_features import FeatureFiles, FeatureUse
from service.search.stage_clock import StageClock
from service.stores.store import Hit

logger = logging.getLogger(__name__)

_Done = TypeVar("_Done")

_READERS = 16
"""Images are read concurrently, for all searches together: a remote store answers many as soon as one."""


@dataclass(frozen=True, slots=True)
class SeenImage:
    """An image, or the features in its place; neither where a product has no image, or one that cannot be used."""

    image: Image | None = None
    features: bytes | None = None


class CandidateImages:
    """The images of hits, read in threads of its own; close it at the end. Thread-safe."""

    def __init__(self, images: Renditions) -> None:
        self._images = images
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="candidate-images")  # threads start when needed

    def close(self) -> None:
        """End the threads; pending reads and writes are dropped."""
        self._readers.shutdown(wait=False, cancel_futures=True)

    def read(self, hits: Sequence[Hit], use: FeatureUse | None, deadline: float, clock: StageClock) -> list[SeenImage]:
        """One for each hit, with features if they are of `use`; each reader logs as part of the caller's search.

        Features that are not known are extracted, until `deadline` (a value of `time.monotonic()`). The stages load and
        extract are timed. Raises Cancelled.
        """
        files = None if use is None else use.of(self._images)
        with clock.stage("load"):
            by_key = {hit.product.image_key: hit for hit in hits if hit.product.image_key}
            reading = {key: self._begin(partial(self._seen, hit, files)) for key, hit in by_key.items()}
            seen = {key: one.result() for key, one in reading.items()}
        new = {key: one.image for key, one in seen.items() if one.image is not None}
        if files is not None and new:
            with clock.stage("extract"):
                made = files.extract(new, deadline, self._begin)
            seen |= {key: SeenImage(features=features) for key, features in made.items()}
        return [seen.get(hit.product.image_key, SeenImage()) for hit in hits]

    def _begin(self, work: Callable[[], _Done]) -> Future[_Done]:
        return self._readers.submit(copy_context().run, work)

    def _seen(self, hit: Hit, files: FeatureFiles | None) -> SeenImage:
        """The stored image of a hit, or its features. A lost file must not cost the whole answer: the title still
        speaks for it.
        """
        check_cancelled()
        key = hit.product.image_key
        try:
            features = None if files is None else files.known(key)
            return SeenImage(self._images.rendition(key).image) if features is None else SeenImage(features=features)
        except (ImageNotFound, ImageStoreUnavailable, InvalidImage):
            logger.warning("the image of product %r cannot be used for reranking", hit.product_id)
            return SeenImage()
