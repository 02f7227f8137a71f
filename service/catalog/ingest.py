"""Bulk ingest: feed → checked rows → pictures → vectors → store.

Idempotent: each row carries a hash over its picture's bytes and its fields; a row whose hash is stored already is left
alone, so an interrupted run is resumed by running it again. A changed title, price or attribute rewrites the row with
the vector it has; only a new picture (or a missing row) is encoded, because vectors are made from pictures alone.

Several lines with one id are several pictures of one product: rows ``id#0``, ``id#1``, … in the feed's order. The same
picture twice under one id is rejected. After a complete run, surplus pictures of the products seen are deleted;
products that the feed no longer names are kept.
"""

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeVar

from service.catalog.images import ImageStore
from service.catalog.readers import feed_folder, read_feed
from service.catalog.rejects import RejectFile
from service.catalog.rows import FeedRow, Reject
from service.encoders.base import Encoder, EncoderQuery
from service.errors import InvalidImage
from service.media.decode import ImageLimits, decode_image
from service.stores.base import Record, Store, Vector

DEFAULT_BATCH = 32
_SHOWN_REJECTS = 10
_SURPLUS_BATCH = 64
_Item = TypeVar("_Item")
_HASH_VERSION = "1"


class Progress(Protocol):
    """Told after every batch; a command line draws its bar from this."""

    def __call__(self, report: "IngestReport") -> None:
        """``report`` is the state so far; it must not be kept, it goes on changing."""
        ...


@dataclass(slots=True)
class IngestReport:
    """What an ingest did, in rows. ``refreshed`` rows got new fields and kept their vector."""

    indexed: int = 0
    refreshed: int = 0
    unchanged: int = 0
    rejected: int = 0
    removed: int = 0
    first_rejects: list[Reject] = field(default_factory=list)

    @property
    def seen(self) -> int:
        """Rows of the feed dealt with so far."""
        return self.indexed + self.refreshed + self.unchanged + self.rejected


@dataclass(frozen=True, slots=True)
class _Pending:
    """A row with its picture's bytes, before anything was decoded."""

    row: FeedRow
    row_id: str
    data: bytes
    image_key: str
    content_hash: str


def ingest(
    feed: Path,
    encoder: Encoder,
    store: Store,
    images: ImageStore,
    *,
    limits: ImageLimits | None = None,
    rejects_path: Path | None = None,
    batch: int = DEFAULT_BATCH,
    progress: Progress | None = None,
) -> IngestReport:
    """Bring a feed into the store.

    Rejected rows are counted and written to ``rejects_path`` as JSON lines with ``line``, ``id`` and ``reason`` (no
    rejects, no file). Raises :class:`~service.errors.FeedError` if the feed cannot be read at all,
    StoreUnavailable or EncoderMismatch from the store; what was stored until then stays.
    """
    rows = read_feed(feed)
    store.ensure(encoder.info)
    with RejectFile(rejects_path) as rejects:
        run = _Run(feed_folder(feed), encoder, store, images, limits=limits or ImageLimits(), rejects=rejects)
        for chunk in _batches(rows, batch):
            run.take(chunk)
            if progress is not None:
                progress(run.report)
    run.remove_surplus()
    if progress is not None:
        progress(run.report)
    return run.report


class _UnreadablePictureError(Exception):
    """A picture's file that cannot be read; the text is the reason given for the reject."""


class _Run:
    """The state of one ingest: what was seen under each id, and the report."""

    def __init__(
        self,
        folder: Path,
        encoder: Encoder,
        store: Store,
        images: ImageStore,
        *,
        limits: ImageLimits,
        rejects: RejectFile,
    ) -> None:
        self.report = IngestReport()
        self._folder = folder.resolve()
        self._encoder = encoder
        self._store = store
        self._images = images
        self._limits = limits
        self._rejects = rejects
        self._keys: dict[str, list[str]] = {}

    def take(self, chunk: Sequence[FeedRow | Reject]) -> None:
        """Deal with one batch of rows."""
        pending = [item for row in chunk if (item := self._prepare(row)) is not None]
        stored = self._store.hashes([item.row_id for item in pending])
        changed = [item for item in pending if stored.get(item.row_id) != item.content_hash]
        for item in pending:
            if stored.get(item.row_id) == item.content_hash:
                self._images.put(item.data)  # brings back a lost file; costs nothing where it is there
                self.report.unchanged += 1
        vectors = self._known_vectors([item for item in changed if item.row_id in stored])
        self._write([item for item in changed if item.row_id in vectors], vectors)
        self.report.refreshed += len(vectors)
        self._index([item for item in changed if item.row_id not in vectors])

    def remove_surplus(self) -> None:
        """Delete pictures that products of this feed had once and have no more."""
        for product_ids in _batches(self._keys, _SURPLUS_BATCH):
            current = {_row_id(name, number) for name in product_ids for number in range(len(self._keys[name]))}
            surplus = [row_id for row_id in self._store.row_ids(product_ids) if row_id not in current]
            self.report.removed += self._store.delete_rows(surplus)

    def _prepare(self, row: FeedRow | Reject) -> _Pending | None:
        """Read a row's picture; None if the row was rejected."""
        if isinstance(row, Reject):
            self._reject(row)
            return None
        try:
            data = self._read_picture(row.image)
            key = self._images.key(data)
        except _UnreadablePictureError as error:
            self._reject(Reject(row.line, str(error), row.id))
            return None
        except InvalidImage as error:
            self._reject(Reject(row.line, error.detail, row.id))
            return None
        keys = self._keys.setdefault(row.id, [])
        if key in keys:
            self._reject(Reject(row.line, "an earlier line has the same id and the same picture", row.id))
            return None
        pending = _Pending(row, _row_id(row.id, len(keys)), data, key, _row_hash(row, key))
        keys.append(key)
        return pending

    def _read_picture(self, name: str) -> bytes:
        if "://" in name or name.startswith("data:"):
            raise _UnreadablePictureError("pictures are not fetched from the network; give a path beside the feed")
        try:
            path = (self._folder / name).resolve()
            if not path.is_relative_to(self._folder):
                raise _UnreadablePictureError("the picture's path leads out of the feed's folder")
            if not path.is_file():  # opening a pipe would wait for ever
                raise _UnreadablePictureError("the picture's file is missing or cannot be read")
            with path.open("rb") as file:
                return file.read(self._limits.max_bytes + 1)
        except (OSError, ValueError, RuntimeError) as error:  # also a NUL in the path, or links in a circle
            raise _UnreadablePictureError("the picture's file is missing or cannot be read") from error

    def _known_vectors(self, items: Sequence[_Pending]) -> dict[str, Vector]:
        """Stored vectors of rows that kept their picture."""
        keys = {item.row_id: item.image_key for item in items}
        return {row.id: row.vector for row in self._store.fetch(list(keys)) if row.image_key == keys[row.id]}

    def _index(self, items: Sequence[_Pending]) -> None:
        """Decode, encode, keep the picture, store the row; in this order, so that a stored row is always complete."""
        queries: list[EncoderQuery] = []
        good: list[_Pending] = []
        for item in items:
            try:
                queries.append(EncoderQuery(image=decode_image(item.data, self._limits).image))
            except InvalidImage as error:
                self._reject(Reject(item.row.line, error.detail, item.row.id))
            else:
                good.append(item)
        if not good:
            return
        vectors = self._encoder.encode(queries).vectors
        self._write(good, {item.row_id: vectors[position] for position, item in enumerate(good)})
        self.report.indexed += len(good)

    def _write(self, items: Sequence[_Pending], vectors: dict[str, Vector]) -> None:
        if not items:
            return
        for item in items:
            self._images.put(item.data)
        now = time.time_ns() // 1_000_000
        self._store.upsert([_record(item, vectors[item.row_id], now) for item in items])

    def _reject(self, reject: Reject) -> None:
        self.report.rejected += 1
        if len(self.report.first_rejects) < _SHOWN_REJECTS:
            self.report.first_rejects.append(reject)
        self._rejects.write(reject)


def _row_hash(row: FeedRow, image_key: str) -> str:
    fields = [_HASH_VERSION, image_key, row.id, row.title, row.category, row.price, dict(row.attributes)]
    text = json.dumps(fields, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _record(item: _Pending, vector: Vector, now: int) -> Record:
    row = item.row
    return Record(
        id=item.row_id,
        product_id=row.id,
        vector=vector,
        title=row.title,
        category=row.category,
        price=row.price,
        attributes=row.attributes,
        image_key=item.image_key,
        content_hash=item.content_hash,
        updated_at=now,
    )


def _row_id(product_id: str, number: int) -> str:
    return f"{product_id}#{number}"


def _batches(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
