"""The decisions about each row of a feed, and the writes: the part of an ingest that all engines share.

It sees the rows in the feed's order and in one place, because an image's number, and with it the row's id, depends on
the images of the same product before it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from PIL import Image

from service.catalog.documents import Documents
from service.catalog.drafts import Drafts
from service.catalog.id_change import IdChange
from service.catalog.records import make_record, now_ms, row_id
from service.catalog.rejects import RejectFile
from service.catalog.row_images import Picture
from service.catalog.rows import NOTHING_TO_EMBED, FeedRow, Reject
from service.encoders.encoder import EncoderQuery
from service.errors import ImageNotFound, InvalidImage
from service.images.store.image_store import ImageStore
from service.stores.revisions import product_of
from service.stores.store import Record, Store, Vector
from service.support.batches import in_batches

_SHOWN_REJECTS = 10
_SURPLUS_BATCH = 64
_NOTHING: Mapping[str, str | None] = {}


class Progress(Protocol):
    """Called after every batch; a command line draws its bar from this."""

    def __call__(self, report: "IngestReport") -> None:
        """`report` is the state so far; it must not be kept, it keeps changing."""
        ...


@dataclass(slots=True)
class IngestReport:
    """What an ingest did, in rows. `refreshed` rows got new fields and kept their vector; `without_image`: how many of
    the rows that are not rejected have none.

    `notes` are sentences on how the feed was read: where the ids are from, what was left out, which types it has.
    """

    indexed: int = 0
    refreshed: int = 0
    unchanged: int = 0
    rejected: int = 0
    removed: int = 0
    without_image: int = 0
    first_rejects: list[Reject] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def seen(self) -> int:
        """Rows of the feed dealt with so far."""
        return self.indexed + self.refreshed + self.unchanged + self.rejected


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A row with its image, and the image's vector where that was made already."""

    row: FeedRow
    picture: Picture
    vector: Vector | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """A reading with the number that its image got among the product's."""

    reading: Reading
    number: int

    @property
    def product_id(self) -> str:
        """The product's id."""
        return self.reading.row.id

    @property
    def row_id(self) -> str:
        """The row's id."""
        return row_id(self.product_id, self.number)

    @property
    def image_key(self) -> str:
        """Key of the image."""
        return self.reading.picture.image_key

    @property
    def content_hash(self) -> str:
        """Hash over image and fields."""
        return self.reading.picture.content_hash

    def record(self, vector: Vector, now: int) -> Record:
        """The row of the store; `now` is Unix time in milliseconds."""
        keys = {"image_key": self.image_key, "content_hash": self.content_hash}
        return make_record(self.reading.row, self.row_id, vector, now=now, **keys)


class IngestRun:
    """The state of one ingest: the images seen under each id, and the report."""

    def __init__(
        self,
        documents: Documents,
        store: Store,
        images: ImageStore,
        *,
        rejects: RejectFile,
        progress: Progress | None,
        notes: Sequence[str] = (),
        id_change: IdChange | None = None,
    ) -> None:
        """`documents` must have been bound to the store. `id_change` notices ids that are not the catalog's."""
        self.report = IngestReport(notes=list(notes))
        self._documents = documents
        self._store = store
        self._images = images
        self._rejects = rejects
        self._progress = progress
        self._told = 0
        self._keys: dict[str, list[str]] = {}
        self._drafts = Drafts(store)
        self._id_change = id_change

    def take(self, readings: Iterable[Reading | Reject], asked: Mapping[str, str | None] = _NOTHING) -> list[Item]:
        """Deal with the next rows of the feed as far as that needs no encoder; the items that need a new vector.

        `asked` holds content hashes by row id, None for rows that the store does not have; it is queried for others.
        Raises ChangedIds.
        """
        readings = list(readings)
        if self._id_change is not None:
            read = [reading for reading in readings if isinstance(reading, Reading)]
            self._id_change.check([(reading.row, reading.picture.image_key) for reading in read])
        named = [self._name(reading) for reading in readings]
        items = [item for item in named if item is not None]
        stored = self._hashes(items, asked)
        changed = [item for item in items if stored.get(item.row_id) != item.content_hash]
        self.report.unchanged += len(items) - len(changed)
        vectors = self._begin(changed, stored)
        self._made([(item, vectors[item.row_id]) for item in changed if item.row_id in vectors])
        self.report.refreshed += len(vectors)
        if items:
            self._drafts.pass_on(items[-1].product_id)
        if vectors:  # otherwise what is ready waits for those that are being encoded
            self._drafts.write()
        return [item for item in changed if item.row_id not in vectors]

    def encode(self, items: Sequence[Item]) -> None:
        """Make the vectors of these items in one batch, and write the rows."""
        documents = [(item, document) for item in items if (document := self._document(item)) is not None]
        if documents:
            vectors = self._documents.encode([document for _, document in documents])
            self.add([(item, vectors[place]) for place, (item, _) in enumerate(documents)])

    def add(self, items: Sequence[tuple[Item, Vector]]) -> None:
        """Take rows with new vectors, and write the products that are complete."""
        self._made(items)
        self.report.indexed += len(items)
        self._drafts.write()

    def finish(self) -> None:
        """Write what is left, and delete images that products of this feed had once and have no more.

        To be called after a whole feed.

        Then what was written is made quick to search.
        """
        self._drafts.write(all=True)
        self.tell()
        for product_ids in in_batches(self._keys, _SURPLUS_BATCH):
            current = {row_id(name, number) for name in product_ids for number in range(len(self._keys[name]))}
            surplus = {product_of(id) for id in self._store.row_ids(product_ids) if id not in current}
            self._shorten(sorted(surplus))
        if self.report.indexed or self.report.refreshed or self.report.removed:
            self._store.settle()
        self.tell(always=True)

    def tell(self, *, always: bool = False) -> None:
        """Report progress, if there is any."""
        if self._progress is not None and (always or self.report.seen != self._told):
            self._told = self.report.seen
            self._progress(self.report)

    def _name(self, reading: Reading | Reject) -> Item | None:
        """Give the row its number among the product's images; None if it was rejected."""
        if isinstance(reading, Reject):
            self._reject(reading)
            return None
        row, key = reading.row, reading.picture.image_key
        keys = self._keys.setdefault(row.id, [])
        if key in keys:
            what = "the same image" if key else "no image either"
            self._reject(Reject(row.line, f"an earlier line has the same id and {what}", row.id))
            return None
        if not key and self._documents.form.document(row, None) is None:
            self._reject(Reject(row.line, NOTHING_TO_EMBED, row.id))
            return None
        self.report.without_image += not key
        keys.append(key)
        return Item(reading, len(keys) - 1)

    def _shorten(self, product_ids: Sequence[str]) -> None:
        """Write products again with as many images as this feed has of them."""
        stored = self._store.products(product_ids) if product_ids else {}
        lengths = {name: len(self._keys[name]) for name in stored}
        if stored:
            self._store.write([rows[: lengths[name]] for name, rows in stored.items()])
        self.report.removed += sum(max(0, len(rows) - lengths[name]) for name, rows in stored.items())

    def _hashes(self, items: Sequence[Item], asked: Mapping[str, str | None]) -> dict[str, str]:
        """Content hashes of the items that are stored, by row id."""
        found = {item.row_id: stored for item in items if (stored := asked.get(item.row_id)) is not None}
        unasked = [item.row_id for item in items if item.row_id not in asked]
        return {**found, **(self._store.hashes(unasked) if unasked else {})}

    def _begin(self, changed: Sequence[Item], stored: Mapping[str, str]) -> dict[str, Vector]:
        """Open drafts for rows that change; the stored vectors of those that keep their image."""
        new = {item.product_id for item in changed if item.number == 0 and item.row_id not in stored}
        asked = {item.product_id for item in changed} - new
        found = self._store.products(sorted(asked)) if asked else {}
        for item in changed:
            self._drafts.expect(item.product_id, item.row_id, found.get(item.product_id, []))
        rows = {row.id: row for rows in found.values() for row in rows}
        return {item.row_id: rows[item.row_id].vector for item in changed if self._keeps(item, rows.get(item.row_id))}

    def _keeps(self, item: Item, row: Record | None) -> bool:
        """Whether an item's vector is that of the row that is stored in its place."""
        return row is not None and row.image_key == item.image_key and self._documents.are_alike(item.reading.row, row)

    def _document(self, item: Item) -> EncoderQuery | None:
        """What is encoded of an item; None if its image is of no use, which makes it a reject."""
        try:
            image = self._image(item)
            return self._documents.document(item.reading.row, image)
        except (InvalidImage, ImageNotFound) as error:
            row = item.reading.row
            self._reject(Reject(row.line, error.detail, row.id))
            self._drafts.drop(item.product_id, item.row_id)
            return None

    def _image(self, item: Item) -> Image.Image | None:
        if item.reading.picture.image is not None or not item.image_key:
            return item.reading.picture.image
        return self._images.open(item.image_key).image

    def _made(self, items: Sequence[tuple[Item, Vector]]) -> None:
        now = now_ms()
        self._drafts.add({item.row_id: item.record(vector, now) for item, vector in items})

    def _reject(self, reject: Reject) -> None:
        self.report.rejected += 1
        if len(self.report.first_rejects) < _SHOWN_REJECTS:
            self.report.first_rejects.append(reject)
        self._rejects.write(reject)
