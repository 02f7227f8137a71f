"""The decisions about each row of a feed, and the writes: the part of an ingest that all engines share.

It sees the rows in the feed's order and in one place, because an image's number, and with it the row's id, depends on
the images of the same product before it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from PIL import Image

from rerank.query import Query
from service.catalog.documents import Documents
from service.catalog.drafts import Drafts
from service.catalog.field_samples import FieldSample
from service.catalog.id_change import IdChange
from service.catalog.indexed_features import BATCH as FEATURE_BATCH
from service.catalog.indexed_features import IndexedFeatures
from service.catalog.listing import listed_ids
from service.catalog.missing_products import MissingProducts
from service.catalog.rejects import RejectFile
from service.catalog.row_images import KeepsImages
from service.catalog.rows import NOTHING_TO_EMBED, FeedRow, Reject
from service.catalog.settling import settle
from service.catalog.survey import Survey
from service.errors import EmbeddingRefused, ImageNotFound, InvalidImage
from service.stores.revisions import now_ms
from service.stores.store import Record, Store, Vector, product_of, row_id
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
    """What an ingest did, in rows. `refreshed` rows got new fields and kept their vector; `repeated` ones have an image
    that their product has already; `without_image`: how many of the rows that are stored have none. `deleted` counts
    products that the feed no longer has, `lines` those of the feed: a line may have several images.

    `notes` are sentences on how the feed was read: where the ids are from, what was left out, which types it has.
    `objection` says why the feed is not whole, or products that are missing were not deleted; `fields` is there
    after a dry run.
    """

    indexed: int = 0
    refreshed: int = 0
    unchanged: int = 0
    rejected: int = 0
    repeated: int = 0
    removed: int = 0
    deleted: int = 0
    lines: int = 0
    without_image: int = 0
    first_rejects: list[Reject] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    objection: str | None = None
    fields: list[FieldSample] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """How many rows are expected, for progress bars: a close guess, which grows with the rows seen."""
        return max(self.lines, self.seen)

    @property
    def seen(self) -> int:
        """Rows of the feed dealt with so far."""
        return self.indexed + self.refreshed + self.unchanged + self.rejected + self.repeated


class IngestRun:
    """The state of one ingest: the images seen under each id, and the report."""

    def __init__(
        self,
        documents: Documents,
        store: Store,
        images: KeepsImages,
        survey: Survey,
        *,
        notes: Sequence[str],
        rejects: RejectFile,
        progress: Progress | None,
        new_ids: bool,
        delete_missing: bool,
        delete_most: bool,
        features: IndexedFeatures | None = None,
    ) -> None:
        """`documents` must have been bound to the store; `survey` is that of the feed, and `notes` are on how it was
        read. The others are as in `service.catalog.ingest.ingest`.
        """
        self.report = IngestReport(lines=survey.lines, notes=list(notes))
        self._documents = documents
        self._store = store
        self._images = images
        self._features = features
        self._rejects = rejects
        self._progress = progress
        self._objection = survey.objection
        self._told = 0
        self._keys: dict[str, list[str]] = {}
        self._drafts = Drafts(store)
        self._id_change = None if new_ids else IdChange(store, survey.product_ids)
        self._missing = MissingProducts(survey.known, even_most=delete_most) if delete_missing else None

    def take(self, lines: Iterable[FeedRow | Reject], asked: Mapping[str, str | None] = _NOTHING) -> list[FeedRow]:
        """Deal with the next rows of the feed as far as that needs no encoder; the rows that need a new vector.

        `asked` holds content hashes by row id, None for rows that the store does not have; it is queried for others.
        Raises ChangedIds.
        """
        lines = list(lines)
        if self._id_change is not None:
            self._id_change.check([line for line in lines if isinstance(line, FeedRow)])
        numbered = [self._number(line) for line in lines]
        rows = [row for row in numbered if row is not None]
        stored = self._hashes(rows, asked)
        changed = [row for row in rows if stored.get(row.id) != row.content_hash]
        self.report.unchanged += len(rows) - len(changed)
        vectors = self._begin(changed, stored)
        self._made([(row, vectors[row.id]) for row in changed if row.id in vectors])
        self.report.refreshed += len(vectors)
        if rows:
            self._drafts.pass_on(rows[-1].product.id)
        if vectors:  # otherwise what is ready waits for those that are being encoded
            self._drafts.write()
        return [row for row in changed if row.id not in vectors]

    def add_made(self, rows: Sequence[FeedRow]) -> list[FeedRow]:
        """Take those that bring their vectors; the others, which are to be encoded."""
        made = [(row, row.vector) for row in rows if row.vector is not None]
        if made:
            self.add(made)
        return [row for row in rows if row.vector is None]

    def encode(self, rows: Sequence[FeedRow]) -> None:
        """Make the vectors of these rows in one batch, or several if features are extracted, too, and write them."""
        for part in [rows] if self._features is None else in_batches(rows, FEATURE_BATCH):
            documents = [(row, document) for row in part if (document := self._document(row)) is not None]
            if self._features is not None:
                shown = ((row.image_key, document.image) for row, document in documents)
                self._features.add([(key, image) for key, image in shown if image is not None])
            if documents:
                self.add(self._with_vectors(documents))

    def add(self, rows: Sequence[tuple[FeedRow, Vector]]) -> None:
        """Take rows with new vectors, and write the products that are complete."""
        self._made(rows)
        self.report.indexed += len(rows)
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
        self.report.objection = self._objection
        if self._missing is not None and self._objection is None:
            self.report.deleted, self.report.objection = self._missing.delete(
                listed_ids(self._store), self._store.delete
            )
        if self.report.indexed or self.report.refreshed or self.report.removed or self.report.deleted:
            settle(self._store)
        self.tell(always=True)

    def tell(self, *, always: bool = False) -> None:
        """Report progress, if there is any."""
        if self._progress is not None and (always or self.report.seen != self._told):
            self._told = self.report.seen
            self._progress(self.report)

    def _number(self, row: FeedRow | Reject) -> FeedRow | None:
        """Give the row its number among the product's images; None if it was rejected, or is there already."""
        if isinstance(row, Reject):
            self._reject(row)
            return None
        key, keys = row.image_key, self._keys.get(row.product.id, [])
        if key in keys:
            self.report.repeated += 1
            return None
        if not key and self._documents.form.document(row.product, None) is None:
            self._reject(Reject(row.line, NOTHING_TO_EMBED, row.product.id, "image"))
            return None
        self.report.without_image += not key
        self._keys.setdefault(row.product.id, keys).append(key)
        return replace(row, number=len(keys) - 1)

    def _shorten(self, product_ids: Sequence[str]) -> None:
        """Write products again with as many images as this feed has of them."""
        stored = self._store.products(product_ids) if product_ids else {}
        lengths = {name: len(self._keys[name]) for name in stored}
        if stored:
            self._store.write([rows[: lengths[name]] for name, rows in stored.items()])
        self.report.removed += sum(max(0, len(rows) - lengths[name]) for name, rows in stored.items())

    def _hashes(self, rows: Sequence[FeedRow], asked: Mapping[str, str | None]) -> dict[str, str]:
        """Content hashes of the rows that are stored, by id."""
        found = {row.id: stored for row in rows if (stored := asked.get(row.id)) is not None}
        unasked = [row.id for row in rows if row.id not in asked]
        return {**found, **(self._store.hashes(unasked) if unasked else {})}

    def _begin(self, changed: Sequence[FeedRow], stored: Mapping[str, str]) -> dict[str, Vector]:
        """Open drafts for rows that change; the stored vectors of those that keep their image."""
        new = {row.product.id for row in changed if row.number == 0 and row.id not in stored}
        asked = {row.product.id for row in changed} - new
        found = self._store.products(sorted(asked)) if asked else {}
        for row in changed:
            self._drafts.expect(row.product.id, row.id, found.get(row.product.id, []))
        before = {record.id: record for records in found.values() for record in records}
        return {row.id: before[row.id].vector for row in changed if self._keeps(row, before.get(row.id))}

    def _keeps(self, row: FeedRow, before: Record | None) -> bool:
        """Whether a row's vector is that of the record that is stored in its place."""
        if before is None or before.product.image_key != row.image_key:
            return False
        return self._documents.are_alike(row.product, before.product)

    def _with_vectors(self, documents: Sequence[tuple[FeedRow, Query]]) -> list[tuple[FeedRow, Vector]]:
        """The rows with their vectors. What the encoder refuses becomes a reject, and takes no other row with it."""
        try:
            vectors = self._documents.encode([document for _, document in documents])
            return [(row, vectors[place]) for place, (row, _) in enumerate(documents)]
        except EmbeddingRefused as error:
            if len(documents) > 1:
                return [made for one in documents for made in self._with_vectors([one])]
            self._drop(documents[0][0], error.detail)
            return []

    def _document(self, row: FeedRow) -> Query | None:
        """What is encoded of a row; None if its image is of no use, which makes it a reject."""
        try:
            return self._documents.document(row.product, self._image(row))
        except (InvalidImage, ImageNotFound) as error:
            self._drop(row, error.detail, "image")
            return None

    def _drop(self, row: FeedRow, reason: str, field: str | None = None) -> None:
        """Make a row a reject, whose product does without it."""
        self._reject(Reject(row.line, reason, row.product.id, field))
        self._drafts.drop(row.product.id, row.id)

    def _image(self, row: FeedRow) -> Image.Image | None:
        if row.decoded is not None or not row.image_key:
            return row.decoded
        return self._images.open(row.image_key).image

    def _made(self, rows: Sequence[tuple[FeedRow, Vector]]) -> None:
        now = now_ms()
        self._drafts.add({row.id: row.record(vector, now) for row, vector in rows})

    def _reject(self, reject: Reject) -> None:
        self.report.rejected += 1
        if self._missing is not None:
            self._missing.see(reject)
        if len(self.report.first_rejects) < _SHOWN_REJECTS:
            self.report.first_rejects.append(reject)
        self._rejects.write(reject)
