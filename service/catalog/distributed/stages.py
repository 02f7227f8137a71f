"""The steps of the pipeline, as Ray's workers run them. Nothing here touches the store of products.

Every step may run again: Ray repeats the work of lost workers. Images are kept under the hash
of their bytes, so keeping one twice changes nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from service.catalog.distributed.known import StoredImages
from service.catalog.distributed.lots import Readings, pack, unpack
from service.catalog.document_form import DocumentForm
from service.catalog.ingest_run import Reading
from service.catalog.readers import Columns, read_feed
from service.catalog.row_images import RowImageReader
from service.catalog.rows import FeedRow, Reject
from service.encoders.encoder import Encoder, EncoderQuery
from service.errors import WithThisError
from service.support.batches import in_batches

LoadEncoder = Callable[[], Encoder]
"""Loads the encoder on the machine where it is to run. Is sent there, so it must be picklable."""


@dataclass(frozen=True, slots=True)
class ReadLines:
    """The feed in lots of lines, in order: one task, since lines are read far faster than images."""

    feed: Path
    columns: Columns
    rows: int

    def __call__(self) -> Iterator[pa.Table]:
        """Blocks of one lot each."""
        try:
            for lines in in_batches(read_feed(self.feed, self.columns), self.rows):
                yield pack(lines)
        except WithThisError as error:
            yield pack(error)


def read_pictures(block: pa.Table, reader: RowImageReader, stored: StoredImages) -> Iterator[pa.Table]:
    """Read and keep the images of the lines, and decode those that are not stored yet."""
    try:
        for lines in unpack(block):
            yield pack([_reading(line, reader, stored) for line in lines])
    except WithThisError as error:  # a full disk, for example
        yield pack(error)


class MakeVectors:
    """An actor with an encoder: vectors for the images that are decoded, which then go no further."""

    def __init__(self, load: LoadEncoder, form: DocumentForm) -> None:
        """The encoder is loaded with the first image; `form`: what of a product it is to see."""
        self._load = load
        self._form = form
        self._encoder: Encoder | None = None

    def __call__(self, block: pa.Table) -> pa.Table:
        """All lots of the block as one."""
        try:
            return pack(self._with_vectors([reading for lot in unpack(block) for reading in lot]))
        except WithThisError as error:
            return pack(error)

    def _with_vectors(self, readings: Readings) -> Readings:
        documents = [self._document(reading) for reading in readings]
        found = [document for document in documents if document is not None]
        if not found:
            return readings
        if self._encoder is None:
            self._encoder = self._load()
        vectors = iter(self._encoder.encode(found).vectors)
        return [
            Reading(reading.row, replace(reading.picture, image=None), next(vectors).copy())
            if isinstance(reading, Reading) and document is not None
            else reading
            for reading, document in zip(readings, documents, strict=True)
        ]

    def _document(self, reading: Reading | Reject) -> EncoderQuery | None:
        """What is encoded here: rows with an image that is decoded, which are those that are not stored yet."""
        if isinstance(reading, Reject) or reading.picture.image is None:
            return None
        return self._form.document(reading.row, reading.picture.image)


def _reading(line: FeedRow | Reject, reader: RowImageReader, stored: StoredImages) -> Reading | Reject:
    if isinstance(line, Reject):
        return line
    picture = reader.read(line, lambda key, _: stored.has(line.id, key))
    # The encoded bytes are no longer needed; they would only take up memory.
    return picture if isinstance(picture, Reject) else Reading(replace(line, image=""), picture)
