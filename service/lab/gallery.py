"""The documents of a data set as rows of a store: images known by content, embedded once, searched as in service."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from PIL import Image

from rerank.query import Query
from service.catalog.document_form import IMAGE_ONLY, DocumentForm
from service.catalog.records import make_record, row_hash
from service.errors import InvalidImage
from service.images.decode import DECODER, ImageLimits
from service.lab.dataset_image import LAB_LIMITS, ImageRef
from service.lab.digests import digest, digest_of
from service.lab.embedding_cache import CachedEncoder
from service.lab.judged import DataSet, LabDocument
from service.lab.lab_errors import DataSetError
from service.lab.setup import Setup
from service.stores.store import Hit, Record, Store, Vector, row_id
from service.support.batches import in_batches

Step = Callable[[int], None]
"""Called with the number of documents processed so far."""

_STORE_BATCH = 500


@dataclass(frozen=True, slots=True)
class Shelved:
    """A document and the key of its image's content; empty if it has none."""

    document: LabDocument
    image_key: str


@dataclass(frozen=True)
class Gallery:
    """All documents of a data set, in its order."""

    shelved: tuple[Shelved, ...]

    @classmethod
    def of(cls, data: DataSet, step: Step = lambda done: None) -> Gallery:
        """Read every image's bytes, without decoding them. Raises DataSetError for one that cannot be read."""
        shelved = []
        for document in data.documents.values():
            shelved.append(Shelved(document, image_key(document.image)))
            step(len(shelved))
        return cls(tuple(shelved))

    @cached_property
    def fingerprint(self) -> str:
        """Changes with any document, its fields or its image."""
        return digest_of([one.document.id, row_hash(one.document, one.image_key)] for one in self.shelved)

    @cached_property
    def images(self) -> Mapping[str, ImageRef]:
        """Images by their keys."""
        return {one.image_key: one.document.image for one in self.shelved if one.document.image is not None}


def image_key(ref: ImageRef | None) -> str:
    """The identity of an image's content; empty without an image. Raises DataSetError."""
    if ref is None:
        return ""
    try:
        return digest("picture", ref.read(), repr(ref.box))
    except InvalidImage as error:
        raise DataSetError("this image cannot be read", file=ref.path) from error


def lab_limits(setup: Setup) -> ImageLimits:
    """Images are reduced as in service; the limits on outside data are the lab's."""
    return replace(LAB_LIMITS, min_side=setup.min_side, working_side=setup.working_side)


def embedded(
    gallery: Gallery,
    encoder: CachedEncoder,
    setup: Setup,
    form: DocumentForm = IMAGE_ONLY,
    step: Step = lambda done: None,
) -> tuple[Record, ...]:
    """The documents as records of the store, encoded in a form. Only images without a known embedding are decoded.

    Raises:
        DataSetError: an image that cannot be decoded.
    """
    limits, done = lab_limits(setup), 0
    for lot in in_batches(gallery.shelved, setup.batch):
        keys = [_embedding_key(one, limits, form) for one in lot]
        new = [(key, one) for key, one in zip(keys, lot, strict=True) if key not in encoder.cache]
        encoder.fill([key for key, _ in new], [_as_query(one, limits, form) for _, one in new])
        done += len(lot)
        step(done)
    encoder.cache.flush()
    return tuple(_record(one, encoder.cache[_embedding_key(one, limits, form)].vector) for one in gallery.shelved)


def fill(store: Store, records: Sequence[Record]) -> None:
    """Write what the store does not have yet, so that an interrupted run resumes."""
    for lot in in_batches(records, _STORE_BATCH):
        known = store.hashes([record.id for record in lot])
        missing = [record for record in lot if known.get(record.id) != record.content_hash]
        if missing:
            store.upsert(missing)


class Shelf:
    """Exact search among some of the documents, for queries that rank a gallery or a subset of their own."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = tuple(records)
        self._rows = {record.product_id: record for record in records}
        self._tables: dict[tuple[str, ...], tuple[list[Record], Vector]] = {}

    def nearest(self, vector: Vector, documents: tuple[str, ...], limit: int) -> tuple[Hit, ...]:
        """The best of these documents by cosine, best first."""
        rows, matrix = self._table(documents)
        scores = np.clip(matrix @ vector, -1.0, 1.0)
        order = sorted(range(len(rows)), key=lambda place: (-scores[place], rows[place].product_id))
        return tuple(rows[place].found(float(scores[place])) for place in order[:limit])

    def _table(self, documents: tuple[str, ...]) -> tuple[list[Record], Vector]:
        """Rows and their vectors; a gallery shared by many queries is put together once."""
        if documents not in self._tables:
            rows = [self._rows[document] for document in documents]
            self._tables[documents] = rows, np.stack([row.vector for row in rows])
            if len(self._tables) > 8:
                del self._tables[next(iter(self._tables))]
        return self._tables[documents]


def _embedding_key(one: Shelved, limits: ImageLimits, form: DocumentForm) -> str:
    words = form.words(one.document)
    if one.image_key:
        return digest("document", one.image_key, words, limits.working_side, DECODER)
    return digest("document", one.image_key, words or one.document.words, None)


def _as_query(one: Shelved, limits: ImageLimits, form: DocumentForm) -> Query:
    """What is encoded of a document, as in service; all that is written about it where it has nothing of the form."""
    ref = one.document.image
    document = form.document(one.document, None if ref is None else _opened(ref, limits))
    return document or Query(one.document.words, role="document")


def _opened(ref: ImageRef, limits: ImageLimits) -> Image.Image:
    try:
        return ref.open(limits).image
    except InvalidImage as error:
        raise DataSetError("this image cannot be decoded", file=ref.path) from error


def _record(one: Shelved, vector: Vector) -> Record:
    document = one.document
    return make_record(
        document,
        row_id(document.id, 0),
        vector,
        image_key=one.image_key,
        content_hash=row_hash(document, one.image_key),
        now=0,
    )
