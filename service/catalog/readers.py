"""Product feeds: a folder of pictures, or a CSV, TSV, JSON or JSONL file with a column named ``image``.

Columns ``id, title, category, price, image`` are known, all others become attributes. A bad line becomes a
:class:`Reject` and reading goes on; only a feed that cannot be read at all raises :class:`FeedError`.
"""

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from service.catalog.rows import FeedRow, Reject, make_row
from service.errors import FeedError

MAX_LINE_BYTES = 2**20
MAX_JSON_BYTES = 256 * 2**20
PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic"})
_DELIMITERS = ",;\t"
_NOT_UTF8 = "the line is not UTF-8 text"


def read_feed(path: Path) -> Iterator[FeedRow | Reject]:
    """The rows of a feed, one at a time, in the feed's order. Raises :class:`FeedError` before the first row."""
    if path.is_dir():
        return _read_folder(path)
    if not path.is_file():
        raise FeedError("The feed does not exist. Give a folder of pictures or a CSV, TSV, JSON or JSONL file.")
    match path.suffix.lower():
        case ".csv" | ".tsv":
            return _read_csv(path)
        case ".jsonl" | ".ndjson":
            return _read_jsonl(path)
        case ".json":
            return _read_json(path)
    raise FeedError


def feed_folder(path: Path) -> Path:
    """The folder that a feed's picture paths are relative to, and may not leave."""
    return path if path.is_dir() else path.parent


def count_rows(path: Path) -> int:
    """How many rows ``read_feed`` will give (a close guess for a damaged file); for progress bars."""
    if path.is_file() and path.suffix.lower() in {".jsonl", ".ndjson"}:
        with path.open("rb") as file:
            return sum(1 for line in file if line.strip())
    if path.is_file() and path.suffix.lower() in {".csv", ".tsv"}:
        return max(0, sum(1 for _ in _csv_lines(path, _delimiter(path))) - 1)
    return sum(1 for _ in read_feed(path))


def _read_folder(folder: Path) -> Iterator[FeedRow | Reject]:
    """Every picture below a folder is a product: title from the file's name, category from the first subfolder."""
    files = (path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file())
    visible = (path.relative_to(folder) for path in files)
    names = sorted(path for path in visible if not any(part.startswith(".") for part in path.parts))
    for line, name in enumerate(names, start=1):
        fields = {
            "id": name.as_posix().replace("/", ":"),
            "title": name.stem.replace("_", " ").replace("-", " "),
            "category": name.parts[0] if len(name.parts) > 1 else None,
            "image": name.as_posix(),
        }
        yield make_row(line, fields, typed=True)


def _read_csv(path: Path) -> Iterator[FeedRow | Reject]:
    delimiter = _delimiter(path)
    lines = _csv_lines(path, delimiter)
    _, header = next(lines, (1, None))
    names = [name.strip().lower() for name in header or ()]
    if "image" not in names:
        raise FeedError("The feed's first line must name the columns, and one of them must be called image.")
    if len(set(names)) != len(names):
        raise FeedError("Two columns of the feed have the same name. Rename one of them.")
    return (_csv_row(line, header or [], cells) for line, cells in lines)


def _delimiter(path: Path) -> str:
    with _open_text(path) as file:
        return max(_DELIMITERS, key=file.readline(MAX_LINE_BYTES).count)


def _csv_lines(path: Path, delimiter: str) -> Iterator[tuple[int, list[str] | None]]:
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


def _csv_row(line: int, header: list[str], cells: list[str] | None) -> FeedRow | Reject:
    if cells is None:
        return Reject(line, "the line is no valid CSV (a quote is not closed, or a field is too long)")
    if not _is_utf8(cells):
        return Reject(line, _NOT_UTF8)
    if len(cells) > len(header):
        return Reject(line, "the line has more fields than the header has columns", cells[0][:100])
    return make_row(line, dict(zip(header, cells, strict=False)), typed=False)


def _is_utf8(cells: Iterable[str]) -> bool:
    return not any("\udc80" <= char <= "\udcff" for cell in cells for char in cell)


def _open_text(path: Path) -> TextIO:
    try:
        return path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")
    except OSError as error:
        raise FeedError("The feed cannot be opened. Check its permissions.") from error


def _read_jsonl(path: Path) -> Iterator[FeedRow | Reject]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise FeedError("The feed cannot be opened. Check its permissions.") from error
    return _jsonl_rows(file)


def _jsonl_rows(file: BinaryIO) -> Iterator[FeedRow | Reject]:
    with file:
        for line, data in enumerate(_bounded_lines(file), start=1):
            if data is None:
                yield Reject(line, f"the line is longer than {MAX_LINE_BYTES} bytes")
            elif data.strip():
                yield _json_line(line, data)


def _bounded_lines(file: BinaryIO) -> Iterator[bytes | None]:
    """Lines without their end; None for one that is too long, which is skipped without being held in memory."""
    while data := file.readline(MAX_LINE_BYTES):
        whole = data.endswith(b"\n") or len(data) < MAX_LINE_BYTES
        while not whole:
            rest = file.readline(MAX_LINE_BYTES)
            data, whole = b"", rest.endswith(b"\n") or len(rest) < MAX_LINE_BYTES
        yield data or None


def _json_line(line: int, data: bytes) -> FeedRow | Reject:
    try:
        value = json.loads(data.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        return Reject(line, _NOT_UTF8)
    except (ValueError, RecursionError):
        return Reject(line, "the line is not valid JSON")
    return _json_row(line, value)


def _json_row(line: int, value: Any) -> FeedRow | Reject:
    if not isinstance(value, dict):
        return Reject(line, "the line is not a JSON object")
    return make_row(line, value, typed=True)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _read_json(path: Path) -> Iterator[FeedRow | Reject]:
    if path.stat().st_size > MAX_JSON_BYTES:
        raise FeedError("The JSON file is too large to be read at once. Write it as JSONL, one product a line.")
    try:
        items = json.loads(path.read_text(encoding="utf-8-sig"), parse_constant=_refuse_constant)
    except (OSError, ValueError, RecursionError) as error:
        raise FeedError("The feed is not valid JSON in UTF-8.") from error
    if not isinstance(items, list):
        raise FeedError("The JSON feed must be an array of objects, one for each product.")
    return (_json_row(line, item) for line, item in enumerate(items, start=1))
