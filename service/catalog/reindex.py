"""Reindex: the vectors made again beside those in use, then put in their place while searches go on.

Cures an :class:`~service.errors.EncoderMismatch` (pictures are encoded again by the encoder of now), and brings another
index type into force (vectors of the same encoder are copied). No feed is needed: rows and pictures are those stored.

Rows that are there already are skipped, so a run that was interrupted goes on where it stopped. What others write
meanwhile is taken over in further passes until one finds nothing to do, and once more after the switch, when every
other process has noticed it.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from PIL import Image

from service.catalog.batches import in_batches
from service.catalog.images import ImageStore
from service.catalog.workers import Workers
from service.encoders.base import Encoder, EncoderQuery
from service.errors import ImageDamaged, ImageNotFound, InvalidImage, StoreUnavailable
from service.stores.base import Record, RowState, Store, VersionedStore

DEFAULT_BATCH = 32
NOTICE_S = 2.5
"""Seconds after which every store has noticed the switch (it looks once a second) and ended what it was doing."""

_PASSES = 5
_States = Mapping[str, RowState]


class Progress(Protocol):
    """Told after every batch."""

    def __call__(self, done: int, total: int) -> None:
        """Rows dealt with, of how many."""
        ...


@dataclass(slots=True)
class ReindexReport:
    """What a reindex did, in rows. ``kept`` rows were there from an interrupted run; ``dropped`` counts versions."""

    encoded: int = 0
    copied: int = 0
    kept: int = 0
    without_picture: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class _Opener:
    """Opens pictures by their keys, in worker processes; None for those that are lost or damaged.

    A damaged file is deleted: the advice is to index the feed again, and a lost file comes back on every store.
    """

    images: ImageStore

    def __call__(self, keys: Sequence[str]) -> list[Image.Image | None]:
        return [self._open(key) for key in keys]

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
    notice_s: float = NOTICE_S,
    progress: Progress | None = None,
) -> ReindexReport:
    """Build the collection anew for this encoder and the index in the settings, and switch to it.

    Rows whose picture is lost cannot be encoded: nothing is switched then, unless ``drop_missing`` leaves them out.
    ``keep_old`` keeps the replaced version, so that services with the old encoder go on until they are restarted.
    Raises :class:`~service.errors.StoreUnavailable` if there is nothing to reindex or the store fails.
    """
    if store.built_by() is None:
        raise StoreUnavailable("There is nothing to reindex yet. Fill the collection with `withthis index FEED`.")
    copies = store.built_by() == (encoder.info.id, encoder.info.fingerprint)
    beside = store.beside(encoder.info)
    try:
        with Workers(_Opener(images), 0 if copies else workers) as openers:
            run = _Run(encoder, openers, copies=copies, batch=batch, ahead=2 * workers, progress=progress)
            seen = run.catch_up(store, beside)
            run.check_missing(drop_missing)
            beside.settle()
            replaced = store.publish(beside)
            time.sleep(notice_s)
            run.follow(replaced, store, seen)
    finally:
        beside.close()
    run.report.without_picture = len(run.missing)
    run.report.dropped = 0 if keep_old else store.drop_others()
    return run.report


class _Run:
    """Carries rows from one version to another."""

    def __init__(
        self,
        encoder: Encoder,
        openers: Workers[Sequence[str], list[Image.Image | None]],
        *,
        copies: bool,
        batch: int,
        ahead: int,
        progress: Progress | None,
    ) -> None:
        self.report = ReindexReport()
        self.missing: set[str] = set()
        self._encoder = encoder
        self._openers = openers
        self._copies = copies
        self._batch = batch
        self._ahead = ahead
        self._progress = progress

    def catch_up(self, old: Store, new: Store) -> _States:
        """Pass after pass until nothing is left to do; the state of the old version at the start of the last one."""
        states: _States = {}
        for number in range(_PASSES):
            states, made = _states(old), _states(new)
            stale = [id for id, state in states.items() if not _same(made.get(id), state) and id not in self.missing]
            if number == 0:
                self.report.kept = len(states) - len(stale)
            surplus = [id for id in made if id not in states]
            if not stale and not surplus:
                break
            new.delete_rows(surplus)
            self._carry(old, new, stale, total=len(states))
        return states

    def check_missing(self, drop_missing: bool) -> None:
        """Refuse to go on without some rows, unless that is wanted."""
        if self.missing and not drop_missing:
            raise StoreUnavailable(
                f"The pictures of {len(self.missing)} rows are lost or damaged, so nothing was switched. Index the "
                "feed again with the old encoder to bring them back, or leave these rows out with --drop-missing."
            )

    def follow(self, old: Store, new: Store, seen: _States) -> None:
        """What happened to the old version since it was ``seen``, unless newer things happened to the new one."""
        states, made = _states(old), _states(new)
        changed = [id for id, state in states.items() if not _same(seen.get(id), state)]
        self._carry(old, new, [id for id in changed if _is_newer(states[id], made.get(id))], total=len(states))
        new.delete_rows([id for id in seen if id not in states and _same(made.get(id), seen[id])])

    def _carry(self, old: Store, new: Store, ids: Sequence[str], *, total: int) -> None:
        done = total - len(ids)
        for records in self._made(old, ids):
            new.upsert(records)
            done += len(records)
            if self._progress is not None:
                self._progress(done, total)

    def _made(self, old: Store, ids: Sequence[str]) -> Iterator[list[Record]]:
        """The rows with vectors of the new version, in batches."""
        pages = (old.fetch(part) for part in in_batches(ids, self._batch))
        if self._copies:
            for page in pages:
                self.report.copied += len(page)
                yield page
            return
        tasks = ((page, [record.image_key for record in page]) for page in pages)
        for page, pictures in self._openers.results(tasks, self._ahead):
            yield self._encoded(page, pictures)

    def _encoded(self, page: Sequence[Record], pictures: Sequence[Image.Image | None]) -> list[Record]:
        found = [(record, picture) for record, picture in zip(page, pictures, strict=True) if picture is not None]
        self.missing |= {record.id for record in page} - {record.id for record, _ in found}
        self.missing -= {record.id for record, _ in found}
        if not found:
            return []
        vectors = self._encoder.encode([EncoderQuery(image=picture) for _, picture in found]).vectors
        self.report.encoded += len(found)
        return [replace(record, vector=vectors[place]) for place, (record, _) in enumerate(found)]


def _states(store: Store) -> _States:
    return {state.id: state for page in store.scan() for state in page}


def _same(one: RowState | None, other: RowState) -> bool:
    return one is not None and (one.content_hash, one.image_key) == (other.content_hash, other.image_key)


def _is_newer(state: RowState, made: RowState | None) -> bool:
    return made is None or (not _same(made, state) and state.updated_at >= made.updated_at)
