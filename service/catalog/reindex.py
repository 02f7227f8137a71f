"""Reindex: recompute the embeddings next to those in use, then switch to them while searches continue.

Resolves an `EncoderMismatch` (images are encoded again by the current encoder), and applies another index
type (vectors of the same encoder are copied). No feed is needed: rows and images are those stored.

Products are copied as a whole, without rows that no head names (see `service.stores.revisions`). Those that are there
already are skipped, so a run that was interrupted resumes where it stopped. What others write meanwhile is taken over
in further passes until one finds nothing to do, and once more after the switch, when every process has noticed it.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from PIL import Image

from rerank.query import Query
from service.catalog.document_form import DocumentForm
from service.catalog.documents import Documents
from service.catalog.workers import Workers
from service.encoders.encoder import Encoder
from service.errors import ImageDamaged, ImageNotFound, InvalidImage, StoreUnavailable
from service.images.store.image_store import ImageStore
from service.stores.revisions import belongs, heads_among
from service.stores.store import Record, RowState, Store, Vector, VersionedStore, row_id
from service.support.batches import in_batches

DEFAULT_BATCH = 32
NOTICE_S = 2.5
"""Seconds after which every store has noticed the switch (it looks once a second) and finished its work in progress."""

_PASSES = 5
_Made = tuple[Record, Vector | None]
"""A row and its vector of the new version; None if its image is lost."""

_States = Mapping[str, Sequence[RowState]]
"""The rows of each product that its head names, in order, by product id."""


class Progress(Protocol):
    """Called after every batch."""

    def __call__(self, done: int, total: int) -> None:
        """Rows processed, and their total."""
        ...


@dataclass(slots=True)
class ReindexReport:
    """What a reindex did, in rows. `kept` rows were there from an interrupted run; `dropped` counts versions."""

    encoded: int = 0
    copied: int = 0
    kept: int = 0
    without_picture: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class _Opener:
    """Opens images by their keys, in worker processes; None for those that are lost or damaged.

    A damaged file is deleted: the advice is to index the feed again, and a lost file comes back on every store.
    """

    images: ImageStore

    def __call__(self, keys: Sequence[str]) -> list[Image.Image | None]:
        return [self._open(key) if key else None for key in keys]

    def _open(self, key: str) -> Image.Image | None:
        try:
            return self.images.open(key).image
        except ImageDamaged:
            self.images.discard_damaged(key)
        except (ImageNotFound, InvalidImage):
            pass
        return None


def reindex(
    store: VersionedStore,
    encoder: Encoder,
    images: ImageStore,
    *,
    batch: int = DEFAULT_BATCH,
    workers: int = 0,
    drop_missing: bool = False,
    keep_old: bool = False,
    document: DocumentForm | None = None,
    notice_s: float = NOTICE_S,
    progress: Progress | None = None,
) -> ReindexReport:
    """Rebuild the collection for this encoder and the index in the settings, and switch to it.

    Rows whose image is lost cannot be encoded: nothing is switched then, unless `drop_missing` leaves them out.
    `document`: what vectors are made of, None for the default of new collections. `keep_old` keeps the replaced
    version, so that services with the old encoder or form go on until they are restarted.
    Raises `StoreUnavailable` if there is nothing to reindex or the store fails.
    """
    if store.built_by() is None:
        raise StoreUnavailable("There is nothing to reindex yet. Fill the collection with `withthis index FEED`.")
    documents = Documents(encoder, document)
    documents.recognize(store.built_by())
    copies = store.built_by() == (documents.info.id, documents.info.fingerprint)
    beside = store.beside(documents.info)
    try:
        with Workers(_Opener(images), 0 if copies else workers) as openers:
            run = _Run(documents, openers, copies=copies, batch=batch, ahead=2 * workers, progress=progress)
            seen = run.catch_up(store, beside)
            run.check_missing(drop_missing)
            beside.settle()
            replaced = store.publish(beside)
            time.sleep(notice_s)
            run.follow(replaced, store, seen)
    finally:
        beside.close()
    run.report.without_picture = sum(run.missing.values())
    run.report.dropped = 0 if keep_old else store.drop_others()
    return run.report


class _Run:
    """Carries products from one version to another."""

    def __init__(
        self,
        documents: Documents,
        openers: Workers[Sequence[str], list[Image.Image | None]],
        *,
        copies: bool,
        batch: int,
        ahead: int,
        progress: Progress | None,
    ) -> None:
        self.report = ReindexReport()
        self.missing: dict[str, int] = {}  # rows without an image, by product
        self._documents = documents
        self._openers = openers
        self._copies = copies
        self._batch = batch
        self._ahead = ahead
        self._progress = progress

    def catch_up(self, old: Store, new: Store) -> _States:
        """Passes until nothing is left to do; the state of the old version at the start of the last one."""
        states: _States = {}
        for number in range(_PASSES):
            states, made = _states(old), _states(new)
            stale = [id for id in states if not _same(made.get(id), states[id]) and id not in self.missing]
            if number == 0:
                self.report.kept = _count(states) - _count(states, stale)
            surplus = [id for id in made if id not in states]
            if not stale and not surplus:
                break
            new.delete(surplus)
            self._carry(old, new, stale, states)
        return states

    def check_missing(self, drop_missing: bool) -> None:
        """Refuse to continue without some rows, unless that is wanted."""
        if self.missing and not drop_missing:
            raise StoreUnavailable(
                f"The images of {sum(self.missing.values())} rows are lost or damaged, so nothing was switched. "
                "Index the feed again with the old encoder to bring them back, or leave these rows out with "
                "--drop-missing."
            )

    def follow(self, old: Store, new: Store, seen: _States) -> None:
        """What happened to the old version since it was `seen`, unless the new one has newer changes."""
        states, made = _states(old), _states(new)
        changed = [id for id in states if not _same(seen.get(id), states[id])]
        self._carry(old, new, [id for id in changed if _is_newer(states[id], made.get(id))], states)
        new.delete([id for id in seen if id not in states and _same(made.get(id), seen[id])])

    def _carry(self, old: Store, new: Store, ids: Sequence[str], states: _States) -> None:
        total = _count(states)
        done = total - _count(states, ids)
        for products in self._made(old, ids, states):
            if not products:
                continue
            new.write(products)
            done += sum(map(len, products))
            if self._progress is not None:
                self._progress(done, total)

    def _made(self, old: Store, ids: Sequence[str], states: _States) -> Iterator[list[list[Record]]]:
        """The products with vectors of the new version, a few at once."""
        parts = ([row.id for id in part for row in states[id]] for part in in_batches(ids, self._batch))
        rows = (row for part in parts for row in sorted(old.fetch(part), key=_place))
        waiting: dict[str, list[_Made]] = {}
        for made in self._with_vectors(rows):
            for row, vector in made:
                waiting.setdefault(row.product_id, []).append((row, vector))
            ready = [id for id, rows_made in waiting.items() if len(rows_made) >= len(states[id])]
            yield self._complete({id: waiting.pop(id) for id in ready})
        yield self._complete(waiting)  # rows of these were deleted since; another pass finds their current state

    def _with_vectors(self, rows: Iterator[Record]) -> Iterator[list[_Made]]:
        """Rows with their vectors of the new version, in batches."""
        if self._copies:
            for part in in_batches(rows, self._batch):
                self.report.copied += len(part)
                yield [(row, row.vector) for row in part]
            return
        tasks = ((part, [row.product.image_key for row in part]) for part in in_batches(rows, self._batch))
        for part, images in self._openers.results(tasks, self._ahead):
            documents = [self._document(row, image) for row, image in zip(part, images, strict=True)]
            found = [document for document in documents if document is not None]
            encoded = iter(self._documents.encode(found) if found else ())
            self.report.encoded += len(found)
            yield [(row, None if one is None else next(encoded)) for row, one in zip(part, documents, strict=True)]

    def _document(self, row: Record, image: Image.Image | None) -> Query | None:
        """What is encoded of a row; None where its image is lost, or where it has none, nor words that count."""
        is_lost = bool(row.product.image_key) and image is None
        return None if is_lost else self._documents.form.document(row.product, image)

    def _complete(self, products: Mapping[str, Sequence[_Made]]) -> list[list[Record]]:
        """The rows of each product, renumbered where images are lost; products that have none are left out."""
        found: list[list[Record]] = []
        for id, made in products.items():
            rows = [(row, vector) for row, vector in made if vector is not None]
            self.missing.pop(id, None)
            if len(rows) < len(made):
                self.missing[id] = len(made) - len(rows)
            if rows:
                found.append([replace(row, vector=v, id=row_id(id, number)) for number, (row, v) in enumerate(rows)])
        return found


def _states(store: Store) -> _States:
    rows = [state for page in store.scan() for state in page]
    heads = heads_among(rows)
    found: dict[str, list[RowState]] = {}
    for row in rows:
        if belongs(row, heads):
            found.setdefault(row.product_id, []).append(row)
    return {id: sorted(rows, key=_place) for id, rows in found.items()}


def _place(row: Record | RowState) -> tuple[str, int, str]:
    """Products together, and the rows of each in order."""
    return row.product_id, len(row.id), row.id


def _count(states: _States, ids: Iterable[str] | None = None) -> int:
    return sum(len(states[id]) for id in (states if ids is None else ids))


def _same(some: Sequence[RowState] | None, others: Sequence[RowState]) -> bool:
    return some is not None and _content(some) == _content(others)


def _content(rows: Sequence[RowState]) -> list[tuple[str, str]]:
    return [(row.content_hash, row.image_key) for row in rows]


def _is_newer(rows: Sequence[RowState], made: Sequence[RowState] | None) -> bool:
    return made is None or (not _same(made, rows) and _time(rows) >= _time(made))


def _time(rows: Sequence[RowState]) -> int:
    return max(row.updated_at for row in rows)
