"""Product feeds: a folder of images, a CSV, TSV, JSON, JSONL or Parquet file, or a Hugging Face dataset on disk.

Files have a column `image`. Columns `id, title, category, price, image` are known, all others become attributes.
In JSON, Parquet and datasets `image` may be a list: several images of one product. A bad line becomes a
`Reject` and reading continues; only a feed that cannot be read at all raises `FeedError`.

A feed is read twice, since the type of a column and the fields of a product are known only when all lines were seen:
see `service.catalog.survey`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from service.catalog.formats import PLAIN
from service.catalog.prices import common_decimal
from service.catalog.readers.columns import Columns, DoubledColumnError
from service.catalog.readers.exported import ExportFeed, open_export
from service.catalog.readers.folder import FolderReader
from service.catalog.readers.json_lines import JsonArrayReader, JsonLinesReader
from service.catalog.readers.line_values import LineValues
from service.catalog.readers.reader import RawLine, Reader
from service.catalog.readers.separated import SeparatedReader
from service.catalog.readers.xml_items import XmlReader
from service.catalog.rows import FeedRow, Reject, parse_line
from service.catalog.survey import Survey
from service.encoders.encoder import EncoderInfo
from service.errors import FeedError

_PLAIN = Columns()
_LINES_WITH_PRICES = 1000
AS_IT_IS = "This is an export of a catalog, which is read as it is. Leave out the options about its columns."


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed that can be read. `id_column` is the feed's name of it; None if ids are derived."""

    reader: Reader
    values: LineValues
    id_column: str | None

    @property
    def made_by(self) -> None:
        """It has no vectors."""

    def with_vectors_of(self, _: EncoderInfo) -> Feed:
        """Itself."""
        return self

    def survey(self) -> Survey:
        """Go through the feed once. Raises `FeedError` if it is damaged. The survey is to be closed."""
        with ExitStack() as on_failure:
            empty = Survey(textual=self.reader.textual, kinds=self.values.kinds, format=self.values.format)
            survey = on_failure.enter_context(empty)
            self.values.shortened.clear()
            for line in self._lines():
                survey.lines += 1
                if isinstance(line, FeedRow):
                    survey.add(line)
            on_failure.pop_all()
        return survey

    def rows(self, survey: Survey) -> Iterator[FeedRow | Reject]:
        """The rows, one at a time, in the feed's order."""
        for line in self._lines():
            if isinstance(line, Reject):
                yield line
            else:
                yield from survey.rows(line)

    def notes(self, survey: Survey) -> list[str]:
        """Notes for its owner: where the ids are from, what was left out, the types of the columns."""
        format = self.values.format
        read_as = f"Read as a {format.title}; --format plain takes the columns as they are."
        ids = format.note or _note_on_ids(self.id_column, self.reader.numbered)
        return [*([read_as] if format != PLAIN else []), ids, *self.reader.notes(), *survey.notes, *self.values.notes]

    def _lines(self) -> Iterator[FeedRow | Reject]:
        for raw in self.reader.lines():
            if isinstance(raw, Reject):
                yield raw
                continue
            try:
                fields = self.values.read(raw.fields)
            except DoubledColumnError as error:
                yield Reject(raw.line, f"two fields of the line are called {error}")
                continue
            id_of_image = self.id_column is None or not self.reader.declares
            yield parse_line(raw.line, fields, id_of_image=id_of_image, numbered=self.reader.numbered)


def open_feed(path: Path, columns: Columns = _PLAIN) -> Feed | ExportFeed:
    """Inspect a feed's format and columns. Raises `FeedError` if it cannot be read, or not with these columns."""
    reader = _reader(path, columns)
    if isinstance(reader, JsonLinesReader) and (export := open_export(reader)) is not None:
        if columns != _PLAIN:
            raise FeedError(AS_IT_IS)
        return export
    names = reader.names()
    given, columns = columns, columns.of_feed(names)
    if reader.declares:
        Columns(given.sources, given.without, given.kinds, columns.format).check(names)
    if reader.declares and columns.format == PLAIN and "image" not in columns.rename(dict.fromkeys(names)):
        raise FeedError(
            "One column of the feed must be called image; --column image=NAME names it, --format the feed's format."
        )
    return Feed(reader, _values(reader, columns, given), columns.id_column(names))


def _values(reader: Reader, columns: Columns, given: Columns) -> LineValues:
    """How lines are read. Whether prices have a decimal comma is seen from the first lines, if no option says it."""
    values = LineValues(columns, frozenset(given.sources))
    if columns.decimal is not None:
        return values
    prices = []
    for raw in islice(reader.lines(), _LINES_WITH_PRICES):
        with suppress(DoubledColumnError):
            prices.append(values.price_text(raw.fields) if isinstance(raw, RawLine) else None)
    return LineValues(replace(columns, decimal=common_decimal(prices)), values.given)


def read_feed(path: Path, columns: Columns = _PLAIN) -> Iterator[FeedRow | Reject]:
    """The rows of a feed, one at a time, in the feed's order. Raises `FeedError` before the first row."""
    return _rows(open_feed(path, columns))


def feed_folder(path: Path) -> Path:
    """The folder that a feed's image paths are relative to, and may not leave."""
    return path if path.is_dir() else path.parent


def _rows(feed: Feed | ExportFeed) -> Iterator[FeedRow | Reject]:
    with feed.survey() as survey:
        yield from feed.rows(survey)


def _reader(path: Path, columns: Columns) -> Reader:
    """The reader for a feed of this form."""
    if path.is_dir():
        return _dataset(path, columns) if _is_dataset(path) else FolderReader(path)
    if not path.is_file():
        raise FeedError("The feed does not exist. Give a folder, or a CSV, TSV, JSON, JSONL or Parquet file.")
    match path.suffix.lower():
        case ".csv" | ".tsv" | ".txt" | ".tab":
            return SeparatedReader(path, columns)
        case ".jsonl" | ".ndjson":
            return JsonLinesReader(path)
        case ".json":
            return JsonArrayReader(path)
        case ".xml" | ".rss" | ".atom":
            return XmlReader(path)
        case ".parquet":
            return _parquet(path, columns)
    raise FeedError


def _is_dataset(path: Path) -> bool:
    """True for a folder written by `save_to_disk` of Hugging Face datasets."""
    return (path / "dataset_dict.json").is_file() or (
        (path / "state.json").is_file() and (path / "dataset_info.json").is_file()
    )


def _parquet(path: Path, columns: Columns) -> Reader:
    from service.catalog.readers import arrow  # noqa: PLC0415 (pyarrow takes a while to load; few feeds need it)

    return arrow.ParquetReader(path, columns)


def _dataset(path: Path, columns: Columns) -> Reader:
    from service.catalog.readers import arrow  # noqa: PLC0415 (as above)

    return arrow.DatasetReader(path, columns)


def _note_on_ids(column: str | None, numbered: bool) -> str:
    if column is not None:
        return f"Ids are taken from the column {column!r}."
    made = "made from the images' paths, or from the line numbers" if numbered else "made from the images' paths"
    return f"The feed has no id column, so ids are {made}. --column id=NAME names one."
