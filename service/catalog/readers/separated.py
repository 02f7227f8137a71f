"""CSV and TSV feeds: a header, then one picture a line. Several lines with one id are pictures of one product."""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

from service.catalog.readers.columns import Columns
from service.catalog.rows import FeedRow, Reject, make_row
from service.errors import FeedError

_DELIMITERS = ",;\t"
_HEADER_BYTES = 2**20
_NOT_UTF8 = "the line is not UTF-8 text"


def read(path: Path, columns: Columns) -> Iterator[FeedRow | Reject]:
    """The rows of a CSV file with commas, semicolons or tabs. Raises FeedError for a header that cannot work."""
    lines = _lines(path, _delimiter(path))
    _, found = next(lines, (1, None))
    header = [name.strip() for name in found or ()]
    names = [name.lower() for name in header]
    if len(set(names)) != len(names):
        raise FeedError("Two columns of the feed have the same name. Rename one of them.")
    columns.check(header)
    if "image" not in {name.lower() for name in columns.rename(dict.fromkeys(header))}:
        raise FeedError("The feed's first line must name the columns, and one of them must be called image.")
    return (_row(line, header, cells, columns) for line, cells in lines)


def count(path: Path) -> int:
    """The number of lines below the header that are not blank."""
    return max(0, sum(1 for _ in _lines(path, _delimiter(path))) - 1)


def _delimiter(path: Path) -> str:
    with _open_text(path) as file:
        return max(_DELIMITERS, key=file.readline(_HEADER_BYTES).count)


def _lines(path: Path, delimiter: str) -> Iterator[tuple[int, list[str] | None]]:
    """(first line's number, cells) of every row that is not blank; None for one that is no CSV."""
    with _open_text(path) as file:
        reader = csv.reader(file, delimiter=delimiter)
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:
                yield line, None
                continue
            if cells:
                yield line, cells


def _row(line: int, header: list[str], cells: list[str] | None, columns: Columns) -> FeedRow | Reject:
    if cells is None:
        return Reject(line, "the line is no valid CSV (a quote is not closed, or a field is too long)")
    if not _is_utf8(cells):
        return Reject(line, _NOT_UTF8)
    if len(cells) > len(header):
        return Reject(line, "the line has more fields than the header has columns", cells[0][:100])
    return make_row(line, columns.rename(dict(zip(header, cells, strict=False))), typed=False)


def _is_utf8(cells: Iterable[str]) -> bool:
    return not any("\udc80" <= char <= "\udcff" for cell in cells for char in cell)


def _open_text(path: Path) -> TextIO:
    try:
        return path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")
    except OSError as error:
        raise FeedError("The feed cannot be opened. Check its permissions.") from error
