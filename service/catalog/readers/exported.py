"""An export of a catalog as a feed: its products as they were, and their vectors if the same encoder is in use.

Values are taken over as they are: no types are guessed, and no texts are cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from service.catalog.exporting import read_vector
from service.catalog.readers.json_lines import JsonLinesReader
from service.catalog.readers.reader import RawLine
from service.catalog.rows import FeedRow, ImageKey, ImageName, Reject
from service.catalog.survey import Survey
from service.encoders.encoder import EncoderInfo
from service.errors import FeedError
from service.product import Product
from service.wire.export_lines import ExportedProduct, ExportEnd, ExportHead

INCOMPLETE = (
    "The export lacks its end, or lines before it, so products may be missing; those in it were imported. Export "
    "again, if the catalog still exists."
)
_NOT_READABLE = "This export is of a newer version of WithThis. Import it with that version."
_NOT_A_PRODUCT = "the line is not a product of an export"
_TWICE = "the id is that of line {line}"
_MARK = "withthis_export"
_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True)
class ExportFeed:
    """An export that can be read. Rows have their vectors if those have `dimension` numbers; None: they have none."""

    reader: JsonLinesReader
    head: ExportHead
    dimension: int | None = None

    @property
    def made_by(self) -> tuple[str, str]:
        """Encoder id and fingerprint of the catalog that was exported."""
        return self.head.encoder, self.head.fingerprint

    def with_vectors_of(self, info: EncoderInfo) -> ExportFeed:
        """The same, whose rows have their vectors if this encoder makes the same ones."""
        usable = self.head.vectors and info.fingerprint == self.head.fingerprint
        return replace(self, dimension=info.dimension if usable else None)

    def survey(self) -> Survey:
        """Go through it once. The survey is to be closed."""
        survey, last = Survey(textual=False, kinds={}), None
        for last in self._lines():
            survey.lines += not isinstance(last, ExportEnd)
            if isinstance(last, _Line):
                survey.add(last.row)
        is_whole = isinstance(last, ExportEnd) and last.products == survey.lines
        survey.objection = None if is_whole else INCOMPLETE
        return survey

    def rows(self, survey: Survey) -> Iterator[FeedRow | Reject]:
        """A row for each image, or one for a product without an image, one at a time, in order."""
        for line in self._lines():
            if isinstance(line, Reject):
                yield line
            elif isinstance(line, _Line):
                first = survey.first_line(line.row.product.id)
                if first == line.row.line:
                    yield from line.rows(self.dimension)
                else:
                    yield Reject(line.row.line, _TWICE.format(line=first), line.row.product.id, "id")

    def notes(self, _: Survey) -> list[str]:
        """Whether its vectors are used."""
        if not self.head.vectors:
            return ["The export has no vectors, so every product is encoded."]
        if self.dimension is None:
            return ["The vectors of the export are not used: another encoder made them, or of other fields."]
        return ["The vectors of the export are used as they are."]

    def _lines(self) -> Iterator[_Line | Reject | ExportEnd]:
        for raw in self.reader.lines():
            if isinstance(raw, Reject):
                yield raw
            elif _MARK not in raw.fields:
                yield _end(raw.fields) or _line(raw)


@dataclass(frozen=True, slots=True)
class _Line:
    """A product: its row with all its images, and the vectors as they are written."""

    row: FeedRow
    vectors: list[str] | None

    def rows(self, dimension: int | None) -> Iterator[FeedRow]:
        """A row for each image. A vector that is damaged is left out, so that the image is encoded."""
        images: list[tuple[ImageName | None, ...]] = [(image,) for image in self.row.images] or [()]
        vectors: list[str | None] = [*(self.vectors or ())] if dimension is not None else []
        if len(vectors) != len(images):
            vectors = [None] * len(images)
        for image, text in zip(images, vectors, strict=True):
            vector = None if text is None or dimension is None else read_vector(text, dimension)
            yield replace(self.row, images=image, vector=vector)


def open_export(reader: JsonLinesReader) -> ExportFeed | None:
    """The export that a file is; None for any other feed. Raises FeedError for one that cannot be read."""
    first = next(reader.lines(), None)
    if not isinstance(first, RawLine) or _MARK not in first.fields:
        return None
    head = _parsed(ExportHead, first.fields)
    if head is None:
        raise FeedError(_NOT_READABLE)
    return ExportFeed(reader, head)


def _line(raw: RawLine) -> _Line | Reject:
    found = _parsed(ExportedProduct, raw.fields)
    if found is None:
        id = raw.fields.get("id")
        return Reject(raw.line, _NOT_A_PRODUCT, id if isinstance(id, str) else None)
    fields = found.model_dump(exclude={"images", "updated_at", "vectors"})
    images = tuple(map(ImageKey, found.images))
    return _Line(FeedRow(raw.line, Product.model_construct(**fields, image_key=""), images), found.vectors)


def _end(fields: Mapping[str, Any]) -> ExportEnd | None:
    return _parsed(ExportEnd, fields) if "complete" in fields else None


def _parsed(model: type[_Model], fields: Mapping[str, Any]) -> _Model | None:
    try:
        return model.model_validate(dict(fields))
    except ValidationError:
        return None
