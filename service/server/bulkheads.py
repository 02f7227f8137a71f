"""Bulkheads: each kind of work has its own slots, bounded queue and threads, so that none waits for another.

A search that is to be reranked takes a slot for its retrieval, releases it, and then waits for the model in another
bulkhead. So a model that hangs costs reranked searches their deadline, and a plain search nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

from service.search.content_embedding import ENCODE_BATCH
from service.search.types import SearchRequest
from service.server.admission import Admission

CATALOG_SLOTS, CATALOG_QUEUE = 4, 64
IMAGE_SLOTS, IMAGE_QUEUE = 8, 512
"""A page asks for a hundred thumbnails at once, and browsers for six of them at a time."""


BATCH_SLOTS, BATCH_WIDTH = 2, 4
"""Batches of searches at once, and searches of one that are retrieved at the same time."""


@dataclass(frozen=True, slots=True)
class BulkheadSizes:
    """Slots of searches, compatible routes and reranked searches; how many may wait for one, and how long."""

    search: int
    compatible: int
    rerank: int
    queue: int
    wait_s: float
    retry_after_s: int


@dataclass(frozen=True, slots=True)
class Bulkheads:
    """The bulkheads by kind of work."""

    search: Admission
    """Searches that are not reranked: decode, embed, retrieve."""
    reranked: Admission
    """The same of searches that are to be reranked."""
    rerank: Admission
    """Their second half. Its threads only wait: how many work is up to `service.search.reranking.runner`."""
    batch: Admission
    """`/v1/search/batch`: a slot holds one request, with all its searches."""
    documents: Admission
    """`/v1/rerank`, which has slots of its own at the model, too."""
    embeddings: Admission
    """`/v1/embeddings`. A slot is one of the inputs that are decoded and encoded at a time: many small requests share
    the batches of the encoder, and searches never wait for more inputs than those of as many long ones as may run.
    """
    write: Admission
    """Changes of the catalog, one at a time, since two changes of one product must not mix."""
    catalog: Admission
    """Reading products."""
    images: Admission
    """Images and thumbnails of the catalog, which do not wait for the store."""

    @classmethod
    def of_sizes(cls, sizes: BulkheadSizes) -> Self:
        """Empty bulkheads with the configured sizes."""

        def room(slots: int, queue: int = sizes.queue, threads: int | None = None) -> Admission:
            return Admission(
                concurrency=slots,
                queue=queue,
                wait_s=sizes.wait_s,
                retry_after_s=sizes.retry_after_s,
                threads=threads,
            )

        return cls(
            search=room(sizes.search),
            reranked=room(sizes.search),
            rerank=room(sizes.rerank, queue=0),
            batch=room(BATCH_SLOTS, threads=BATCH_SLOTS * BATCH_WIDTH),
            documents=room(sizes.compatible),
            embeddings=room(sizes.compatible * ENCODE_BATCH),
            write=room(1),
            catalog=room(CATALOG_SLOTS, CATALOG_QUEUE),
            images=room(IMAGE_SLOTS, IMAGE_QUEUE),
        )

    def for_retrieval(self, request: SearchRequest) -> Admission:
        """The bulkhead in which a search begins."""
        return self.reranked if request.is_reranked else self.search

    def named(self) -> dict[str, Admission]:
        """All bulkheads by their names in the metrics."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
