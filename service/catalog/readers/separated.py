"""CSV and TSV feeds: a header, then one image per line. Several lines with one id are images of one product."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from service.catalog.readers.columns import Columns
from service.catalog.readers.csv_records import CsvRecords, Layout
from service.catalog.readers.reader import RawLine
from service.catalog.rows import Reject
from service.errors import FeedError

_DELIMITERS = ",;\t"
_HEADER_CHARS = 2**16
_QUOTED = re.compile(r'"[^"]*"')
_SEPARATOR_LINE = re.compile(r'"?sep=(?P<delimiter>[,;|\t])"?[,;|\t]*\r?\n', re.IGNORECASE)
"""The first line of some files, which tells Excel the delimiter and is no part of the table."""

_NOT_UTF8 = "the line is not UTF-8 text"
_NOT_CSV = "the line is not valid CSV (a quote is unclosed or misplaced, or the line is too long)"
_NO_NAMES = "The feed's first line must name the columns, and one of them must be called image."
_ENCODING = (
    "The feed's first line is not UTF-8 text. Save the feed as UTF-8: in Excel as `CSV UTF-8`, elsewhere with "
    "`iconv -f WINDOWS-1252 -t UTF-8`."
)


class SeparatedReader:
    """A CSV file with commas, semicolons or tabs."""

    textual, numbered, declares = True, False, True

    def __init__(self, path: Path, columns: Columns) -> None:
        """`columns` tell which one holds the image. Raises FeedError for an unusable header."""
        self._path = path
        with _open_text(path) as file:
            start = file.read(_HEADER_CHARS)
        named = _SEPARATOR_LINE.match(start)
        self._delimiter, self._above = (named["delimiter"], 1) if named else (_delimiter(start), 0)
        with self._records() as records:
            self._header = _header(next(records, (1, None))[1])
        self._layout = _layout(self._header, columns)

    def names(self) -> list[str]:
        """The columns that have a name."""
        return [name for name in self._header if name]

    def notes(self) -> list[str]:
        """Columns without a name, such as the first one that pandas writes."""
        unnamed = [str(place) for place, name in enumerate(self._header, start=1) if not name]
        return [f"Columns without a name are left out: number {', '.join(unnamed)}."] if unnamed else []

    def lines(self) -> Iterator[RawLine | Reject]:
        """The rows below the header."""
        with self._records() as records:
            next(records, None)
            if self._layout is not None:
                records.expect(self._layout)
            for line, cells in records:
                yield self._line(line, cells)

    def _line(self, line: int, cells: list[str] | None) -> RawLine | Reject:
        if cells is None:
            return Reject(line, _NOT_CSV)
        cells = [cell.strip() for cell in cells]
        if not _is_utf8(cells):
            return Reject(line, _NOT_UTF8)
        if any(cells[len(self._header) :]):
            return Reject(line, "the line has more fields than the header has columns")
        return RawLine(line, {name: cell for name, cell in zip(self._header, cells, strict=False) if name})

    @contextmanager
    def _records(self) -> Iterator[CsvRecords]:
        with _open_text(self._path) as file:
            for _ in range(self._above):
                file.readline()
            yield CsvRecords(file, self._delimiter, above=self._above)


def _header(cells: list[str] | None) -> list[str]:
    """The names of the columns; Excel adds empty ones at the end. Raises FeedError."""
    header = [name.strip() for name in cells or ()]
    if not _is_utf8(header):
        raise FeedError(_ENCODING)
    while header and not header[-1]:
        header.pop()
    if not header:
        raise FeedError(_NO_NAMES)
    return header


def _layout(header: list[str], columns: Columns) -> Layout | None:
    """What to expect of the records; None for a header without an image."""
    columns = columns.of_feed(header)
    image, id = columns.source("image", header), columns.id_column(header)
    if image not in header:
        return None
    one_line = frozenset(place for place, name in enumerate(header) if name in (image, id))
    return Layout(len(header), header.index(image), one_line)


def _delimiter(start: str) -> str:
    """The most frequent delimiter in the header, outside of quotes."""
    header = _QUOTED.sub("", start).lstrip().partition("\n")[0].partition("\r")[0]
    return max(_DELIMITERS, key=header.count)


def _is_utf8(cells: Iterable[str]) -> bool:
    return not any("\udc80" <= char <= "\udcff" for cell in cells if not cell.isascii() for char in cell)


def _open_text(path: Path) -> TextIO:
    try:
        return path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")
    except OSError as error:
        raise FeedError("The feed cannot be opened. Check its permissions.") from error
