"""Reads the images of the hits that a reranker is to see."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from PIL.Image import Image

from rerank.cancellation import check_cancelled
from service.errors import ImageNotFound, ImageStoreUnavailable, InvalidImage
from service.images.store.renditions import Renditions
from service.stores.store import Hit

logger = logging.getLogger(__name__)

_READERS = 16
"""Images are read concurrently, for all searches together: a remote store answers many as soon as one."""


class CandidateImages:
    """The images of hits, read in threads of its own; close it at the end. Thread-safe."""

    def __init__(self, images: Renditions) -> None:
        self._images = images
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="candidate-images")  # threads start when needed

    def close(self) -> None:
        """End the threads; pending reads are dropped."""
        self._readers.shutdown(wait=False, cancel_futures=True)

    def read(self, hits: Sequence[Hit]) -> list[Image | None]:
        """An image or None for each hit; each reader logs as part of the caller's search. Raises Cancelled."""
        reading = [self._readers.submit(copy_context().run, self._image, hit) for hit in hits]
        return [image.result() for image in reading]

    def _image(self, hit: Hit) -> Image | None:
        """The stored image of a hit, None where it has none. A lost file must not cost the whole answer: the title
        still speaks for it.
        """
        check_cancelled()
        key = hit.product.image_key
        if not key:
            return None
        try:
            return self._images.rendition(key).image
        except (ImageNotFound, ImageStoreUnavailable, InvalidImage):
            logger.warning("the image of product %r cannot be used for reranking", hit.product_id)
            return None
