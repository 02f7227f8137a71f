"""The steps of the pipeline, as Ray's workers run them. Nothing here touches the store of products.

Every step may run again: Ray repeats the work of lost workers. Images are kept under the hash
of their bytes, so keeping one twice changes nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from rerank.query import Query
from service.catalog.distributed.known import StoredImages
from service.catalog.distributed.lots import Lines, pack, unpack
from service.catalog.document_form import DocumentForm
from service.catalog.readers import Columns, read_feed
from service.catalog.row_images import RowImageReader
from service.catalog.rows import FeedRow, Reject
from service.encoders.encoder import Encoder
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


def read_images(block: pa.Table, reader: RowImageReader, stored: StoredImages) -> Iterator[pa.Table]:
    """Read and keep the images of the lines, and decode those that are not stored yet."""
    try:
        for lines in unpack(block):
            yield pack([_read(line, reader, stored) for line in lines])
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
            return pack(self._with_vectors([line for lot in unpack(block) for line in lot]))
        except WithThisError as error:
            return pack(error)

    def _with_vectors(self, lines: Lines) -> Lines:
        documents = [self._document(line) for line in lines]
        found = [document for document in documents if document is not None]
        if not found:
            return lines
        if self._encoder is None:
            self._encoder = self._load()
        vectors = iter(self._encoder.encode(found).vectors)
        return [
            replace(line, decoded=None, vector=next(vectors).copy())
            if isinstance(line, FeedRow) and document is not None
            else line
            for line, document in zip(lines, documents, strict=True)
        ]

    def _document(self, line: FeedRow | Reject) -> Query | None:
        """What is encoded here: rows with an image that is decoded, which are those that are not stored yet."""
        if isinstance(line, Reject) or line.decoded is None:
            return None
        return self._form.document(line.product, line.decoded)


def _read(line: FeedRow | Reject, reader: RowImageReader, stored: StoredImages) -> FeedRow | Reject:
    return line if isinstance(line, Reject) else reader.read(line, lambda key, _: stored.has(line.product.id, key))
