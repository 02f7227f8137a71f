"""Bulk ingest: feed → checked rows → pictures → vectors → store.

Worker processes read, decode and keep the pictures ahead of the encoder; this process asks the store what it has,
encodes, and writes. A row is written after its picture is kept and its vector is made, so a stored row is complete,
whenever the run is killed.

Idempotent: each row carries a hash over its picture's bytes and its fields; a row whose hash is stored already is left
alone, so an interrupted run is resumed by running it again. A changed title, price or attribute rewrites the row with
the vector it has; only a new picture (or a missing row) is encoded, because vectors are made from pictures alone.

Several rows with one id are several pictures of one product: rows ``id#0``, ``id#1``, … in the feed's order. The same
picture twice under one id is rejected. After a complete run, surplus pictures of the products seen are deleted;
products that the feed no longer names are kept.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from PIL import Image

from service.catalog.batches import in_batches
from service.catalog.images import ImageStore
from service.catalog.pictures import ImageFetcher, Picture, PictureReader, Task
from service.catalog.readers import Columns, feed_folder, read_feed
from service.catalog.records import make_record, now_ms, row_id
from service.catalog.rejects import RejectFile
from service.catalog.rows import FeedRow, Reject
from service.catalog.workers import Workers
from service.encoders.base import Encoder, EncoderQuery
from service.errors import ImageNotFound, InvalidImage
from service.media.decode import ImageLimits
from service.stores.base import Record, Store, Vector

DEFAULT_BATCH = 32
_TASK_ROWS = 8
_SHOWN_REJECTS = 10
_SURPLUS_BATCH = 64


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
class _Lot:
    """Rows whose pictures are being read, with the ids that they will probably get, and rejects among them."""

    rows: Sequence[FeedRow]
    row_ids: Sequence[str]
    rejects: Sequence[Reject]


@dataclass(frozen=True, slots=True)
class _Item:
    """A row with its picture in the image store; ``image`` is None where it was not decoded."""

    row: FeedRow
    row_id: str
    image_key: str
    content_hash: str
    image: Image.Image | None


def ingest(
    feed: Path,
    encoder: Encoder,
    store: Store,
    images: ImageStore,
    *,
    columns: Columns | None = None,
    limits: ImageLimits | None = None,
    fetcher: ImageFetcher | None = None,
    rejects_path: Path | None = None,
    batch: int = DEFAULT_BATCH,
    workers: int = 0,
    progress: Progress | None = None,
) -> IngestReport:
    """Bring a feed into the store.

    ``batch`` pictures are encoded at once; ``workers`` processes read ahead of that, none with 0. Pictures given as
    URLs are rejected unless there is a ``fetcher``. Rejected rows are counted and written to ``rejects_path`` as JSON
    lines with ``line``, ``id`` and ``reason`` (no rejects, no file). Raises :class:`~service.errors.FeedError` if the
    feed cannot be read at all, StoreUnavailable or EncoderMismatch from the store; what was stored until then stays.
    """
    rows = read_feed(feed, columns or Columns())
    store.ensure(encoder.info)
    reader = PictureReader(feed_folder(feed), limits or ImageLimits(), images, fetcher)
    with RejectFile(rejects_path) as rejects, Workers(reader, workers) as readers:
        run = _Run(encoder, store, images, batch=batch, rejects=rejects, progress=progress)
        ahead = 2 * workers + -(-batch // _TASK_ROWS)
        for lot, pictures in readers.results(run.plan(rows), ahead):
            run.take(lot, pictures)
        run.finish()
    return run.report


class _Run:
    """The state of one ingest: what was seen under each id, what waits for the encoder, and the report."""

    def __init__(
        self,
        encoder: Encoder,
        store: Store,
        images: ImageStore,
        *,
        batch: int,
        rejects: RejectFile,
        progress: Progress | None,
    ) -> None:
        self.report = IngestReport()
        self._encoder = encoder
        self._store = store
        self._images = images
        self._batch = batch
        self._rejects = rejects
        self._progress = progress
        self._told = 0
        self._planned: Counter[str] = Counter()
        self._stored: dict[str, str] = {}
        self._keys: dict[str, list[str]] = {}
        self._to_encode: list[_Item] = []

    def plan(self, rows: Iterable[FeedRow | Reject]) -> Iterator[tuple[_Lot, Task]]:
        """Rows in lots for the workers, with what is stored under the ids that they will probably get."""
        for chunk in in_batches(rows, self._batch):
            ids = {id(row): self._probable_id(row) for row in chunk if isinstance(row, FeedRow)}
            self._stored.update(self._store.hashes(list(ids.values())))
            for part in in_batches(chunk, _TASK_ROWS):
                good = [row for row in part if isinstance(row, FeedRow)]
                row_ids = [ids[id(row)] for row in good]
                known = [self._stored.get(row_id) for row_id in row_ids]
                yield _Lot(good, row_ids, [row for row in part if isinstance(row, Reject)]), Task(good, known)

    def take(self, lot: _Lot, pictures: Sequence[Picture | Reject]) -> None:
        """Deal with the pictures of one lot, and encode if there are enough of them."""
        for reject in lot.rejects:
            self._reject(reject)
        named = [self._name(row, picture) for row, picture in zip(lot.rows, pictures, strict=True)]
        items = [item for item in named if item is not None]
        stored = self._hashes(lot, items)
        changed = [item for item in items if stored.get(item.row_id) != item.content_hash]
        self.report.unchanged += len(items) - len(changed)
        vectors = self._known_vectors([item for item in changed if item.row_id in stored])
        self._write([item for item in changed if item.row_id in vectors], vectors)
        self.report.refreshed += len(vectors)
        self._to_encode += [item for item in changed if item.row_id not in vectors]
        while len(self._to_encode) >= self._batch:
            self._encode(self._batch)
        self._tell()

    def finish(self) -> None:
        """Encode the rest, then delete pictures that products of this feed had once and have no more."""
        self._encode(self._batch)
        self._tell()
        for product_ids in in_batches(self._keys, _SURPLUS_BATCH):
            current = {row_id(name, number) for name in product_ids for number in range(len(self._keys[name]))}
            surplus = [row_id for row_id in self._store.row_ids(product_ids) if row_id not in current]
            self.report.removed += self._store.delete_rows(surplus)
        self._tell(always=True)

    def _probable_id(self, row: FeedRow) -> str:
        """The row's id unless an earlier picture of the product is rejected."""
        self._planned[row.id] += 1
        return row_id(row.id, self._planned[row.id] - 1)

    def _name(self, row: FeedRow, picture: Picture | Reject) -> _Item | None:
        """Give the row its number among the product's pictures; None if it was rejected."""
        if isinstance(picture, Reject):
            self._reject(picture)
            return None
        keys = self._keys.setdefault(row.id, [])
        if picture.image_key in keys:
            self._reject(Reject(row.line, "an earlier line has the same id and the same picture", row.id))
            return None
        keys.append(picture.image_key)
        number = len(keys) - 1
        return _Item(row, row_id(row.id, number), picture.image_key, picture.content_hash, picture.image)

    def _hashes(self, lot: _Lot, items: Sequence[_Item]) -> dict[str, str]:
        """Stored hashes of the items, those of the plan where the plan held."""
        found = {row_id: self._stored.pop(row_id) for row_id in lot.row_ids if row_id in self._stored}
        unforeseen = [item.row_id for item in items if item.row_id not in lot.row_ids]
        return {**found, **(self._store.hashes(unforeseen) if unforeseen else {})}

    def _known_vectors(self, items: Sequence[_Item]) -> dict[str, Vector]:
        """Stored vectors of rows that kept their picture."""
        keys = {item.row_id: item.image_key for item in items}
        found = self._store.fetch(list(keys)) if keys else []
        return {row.id: row.vector for row in found if row.image_key == keys[row.id]}

    def _encode(self, count: int) -> None:
        """Encode and write the first ``count`` of what waits."""
        batch, self._to_encode = self._to_encode[:count], self._to_encode[count:]
        decoded = [(item, image) for item in batch if (image := self._decoded(item)) is not None]
        if not decoded:
            return
        vectors = self._encoder.encode([EncoderQuery(image=image) for _, image in decoded]).vectors
        items = [item for item, _ in decoded]
        self._write(items, {item.row_id: vectors[place] for place, item in enumerate(items)})
        self.report.indexed += len(items)

    def _decoded(self, item: _Item) -> Image.Image | None:
        if item.image is not None:
            return item.image
        try:
            return self._images.open(item.image_key).image
        except (InvalidImage, ImageNotFound) as error:
            self._reject(Reject(item.row.line, error.detail, item.row.id))
            return None

    def _write(self, items: Sequence[_Item], vectors: dict[str, Vector]) -> None:
        if items:
            now = now_ms()
            self._store.upsert([_record(item, vectors[item.row_id], now) for item in items])

    def _reject(self, reject: Reject) -> None:
        self.report.rejected += 1
        if len(self.report.first_rejects) < _SHOWN_REJECTS:
            self.report.first_rejects.append(reject)
        self._rejects.write(reject)

    def _tell(self, *, always: bool = False) -> None:
        if self._progress is not None and (always or self.report.seen != self._told):
            self._told = self.report.seen
            self._progress(self.report)


def _record(item: _Item, vector: Vector, now: int) -> Record:
    return make_record(item.row, item.row_id, vector, image_key=item.image_key, content_hash=item.content_hash, now=now)
