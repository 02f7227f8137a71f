"""Features that an engine ranks by, extracted while images are indexed, so that no search waits for them.

That is cheap where the encoder shares its look at an image with the engine. Other features are extracted when an image
is first ranked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from PIL import Image

from rerank.engines.features import FeatureForm
from service.images.store.image_store import ImageStore

BATCH = 32
"""Images extracted and encoded at once: what is shared of each takes memory until it is encoded."""
_WRITERS = 16
"""A remote store takes many files as soon as one."""

Extract = Callable[[Sequence[Image.Image]], list[bytes]]


class IndexedFeatures:
    """Extracts features and stores them, in threads of its own; leaving the context waits for them."""

    def __init__(self, images: ImageStore, form: FeatureForm, extract: Extract) -> None:
        self._images, self._extract = images, extract
        self._stored = images.features(form)
        self._writers = ThreadPoolExecutor(_WRITERS, thread_name_prefix="indexed-features")
        self._writing: list[Future[None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._writers.shutdown(wait=True, cancel_futures=any(raised))

    def add(self, shown: Sequence[tuple[str, Image.Image]]) -> None:
        """Extract features of decoded originals by key, when those of the batch before are stored.

        Originals that are ranked by their rendition, whose pixels are others, are left to their first search.
        """
        whole = {key: image for key, image in shown if not self._images.is_reduced(image)}
        made = self._extract(list(whole.values())) if whole else []
        for writing in self._writing:
            writing.result()
        self._writing = [
            self._writers.submit(self._stored.keep, key, features) for key, features in zip(whole, made, strict=True)
        ]
