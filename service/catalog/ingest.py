"""Bulk ingest: feed → checked rows → images → vectors → store. This is the engine for one machine.

Worker processes read, decode and keep the images ahead of the encoder; this process asks the store what it has,
encodes, and writes. A row is written after its image is kept and its vector is made, so a stored row is complete,
even if the run is killed.

Idempotent: each row carries a hash over its image's bytes and its fields; a row whose hash is stored already is left
alone, so an interrupted run is resumed by running it again. Changed fields rewrite the row with the vector it has; only
a new image (or a missing row) is encoded, and words of those that vectors are made of (see `document_form`).

Several rows with one id are several images of one product: rows `id#0`, `id#1`, … in the feed's order. The same
image twice under one id counts once. After a complete run, surplus images of the products seen are deleted;
products that the feed no longer names are kept. `service.catalog.distributed` does the same on a Ray cluster.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from service.catalog.document_form import DocumentForm
from service.catalog.documents import Documents
from service.catalog.dry_run import DryEncoder, DryImages, DryStore
from service.catalog.field_samples import FieldSamples
from service.catalog.indexed_features import IndexedFeatures
from service.catalog.ingest_run import IngestReport, IngestRun, Progress
from service.catalog.readers import Columns, feed_folder, open_feed
from service.catalog.rejects import RejectFile
from service.catalog.row_images import ImageFetcher, KeepsImages, RowImageReader, Task
from service.catalog.rows import FeedRow, Reject
from service.catalog.workers import Workers
from service.encoders.encoder import Encoder
from service.images.decode import ImageLimits
from service.images.store.image_store import ImageStore
from service.stores.store import Store, row_id
from service.support.batches import in_batches

__all__ = ["DEFAULT_BATCH", "IngestReport", "Progress", "ingest"]

DEFAULT_BATCH = 32
_TASK_ROWS = 8


@dataclass(frozen=True, slots=True)
class _Lot:
    """Lines whose images are being read; `asked` holds what is stored under the ids that they probably get."""

    lines: Sequence[FeedRow | Reject]
    asked: Mapping[str, str | None]


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
    new_ids: bool = False,
    document: DocumentForm | None = None,
    folder: Path | None = None,
    delete_missing: bool = False,
    delete_most: bool = False,
    dry_run: bool = False,
    features: IndexedFeatures | None = None,
    progress: Progress | None = None,
) -> IngestReport:
    """Bring a feed into the store.

    `batch` images are encoded at once; `workers` processes read ahead of that, none with 0. Images given as URLs
    are rejected unless there is a `fetcher`. Rejected rows are counted and written to `rejects_path` as JSON lines
    with `line`, `id`, `field` and `reason` (no rejects, no file). `new_ids`: that images are in the catalog under
    other ids is meant. `document`: see `Documents`. `folder` is what image paths are relative to, if not the feed's
    own. `delete_missing` deletes the products that the feed does not have, `delete_most` even if they are most of
    the catalog. A `dry_run` changes nothing, counts what a run would do, and adds samples of the fields. `features`
    takes what is encoded, too.

    Raises `FeedError` if the feed cannot be read at all, or would double the catalog; StoreUnavailable or
    EncoderMismatch from the store; what was stored until then stays.
    """
    source = open_feed(feed, columns or Columns())
    keeper: KeepsImages = images
    if dry_run:
        encoder, store, keeper, features = DryEncoder(encoder), DryStore(store), DryImages(images), None
    documents = Documents(encoder, document)
    documents.bind(store, like=source.made_by)
    source = source.with_vectors_of(documents.info)
    reader = RowImageReader(folder or feed_folder(feed), limits or ImageLimits(), keeper, fetcher)
    with source.survey() as survey, RejectFile(rejects_path) as rejects, Workers(reader, workers) as readers:
        run = IngestRun(
            *(documents, store, keeper, survey),
            notes=source.notes(survey),
            rejects=rejects,
            progress=progress,
            new_ids=new_ids,
            delete_missing=delete_missing,
            delete_most=delete_most,
            features=features,
        )
        ahead, samples = 2 * workers + -(-batch // _TASK_ROWS), FieldSamples()
        lines = samples.watch(source.rows(survey)) if dry_run else source.rows(survey)
        _bring(run, readers.results(_tasks(lines, store, batch), ahead), batch)
    run.report.fields = samples.fields
    return run.report


def _bring(run: IngestRun, results: Iterable[tuple[_Lot, Sequence[FeedRow | Reject]]], batch: int) -> None:
    """Take what was read, lot by lot, and encode it in batches."""
    to_encode: list[FeedRow] = []
    for lot, rows in results:
        to_encode += run.add_made(run.take(_in_order(lot.lines, rows), lot.asked))
        while len(to_encode) >= batch:
            run.encode(to_encode[:batch])
            del to_encode[:batch]
        run.tell()
    run.encode(to_encode)
    run.finish()


def _tasks(lines: Iterable[FeedRow | Reject], store: Store, batch: int) -> Iterator[tuple[_Lot, Task]]:
    """Lines in lots for the workers. The store is queried ahead, so that workers decode nothing that is stored."""
    planned: Counter[str] = Counter()
    for chunk in in_batches(lines, batch):
        ids = {id(row): _probable_id(row, planned) for row in chunk if isinstance(row, FeedRow)}
        stored = store.hashes(list(ids.values()))
        for part in in_batches(chunk, _TASK_ROWS):
            rows = [row for row in part if isinstance(row, FeedRow)]
            known = [stored.get(ids[id(row)]) for row in rows]
            asked = {ids[id(row)]: hash for row, hash in zip(rows, known, strict=True)}
            yield _Lot(part, asked), Task(rows, known)


def _probable_id(row: FeedRow, planned: Counter[str]) -> str:
    """The row's id unless an earlier image of the product is rejected."""
    planned[row.product.id] += 1
    return row_id(row.product.id, planned[row.product.id] - 1)


def _in_order(lines: Iterable[FeedRow | Reject], read: Iterable[FeedRow | Reject]) -> Iterator[FeedRow | Reject]:
    """The lines in the feed's order, with the outcome of each row in its place."""
    found = iter(read)
    return (line if isinstance(line, Reject) else next(found) for line in lines)
