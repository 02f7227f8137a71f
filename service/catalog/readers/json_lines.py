"""JSON feeds: one object a line, or an array of objects."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from service.catalog.readers.columns import Columns
from service.catalog.rows import FeedRow, Reject, make_rows
from service.errors import FeedError

MAX_LINE_BYTES = 16 * 2**20
"""Longest line of a JSONL file: room for a picture of 10 MiB as a data URI."""

MAX_JSON_BYTES = 256 * 2**20
_NOT_UTF8 = "the line is not UTF-8 text"


def read(path: Path, columns: Columns) -> Iterator[FeedRow | Reject]:
    """The rows of a JSONL file; a line at a time is held in memory."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise FeedError("The feed cannot be opened. Check its permissions.") from error
    return _rows(file, columns)


def read_array(path: Path, columns: Columns) -> Iterator[FeedRow | Reject]:
    """The rows of a file that is one JSON array."""
    if path.stat().st_size > MAX_JSON_BYTES:
        raise FeedError("The JSON file is too large to be read at once. Write it as JSONL, one product a line.")
    try:
        items = json.loads(path.read_text(encoding="utf-8-sig"), parse_constant=_refuse_constant)
    except (OSError, ValueError, RecursionError) as error:
        raise FeedError("The feed is not valid JSON in UTF-8.") from error
    if not isinstance(items, list):
        raise FeedError("The JSON feed must be an array of objects, one for each product.")
    return (row for line, item in enumerate(items, start=1) for row in _item_rows(line, item, columns))


def count(path: Path) -> int:
    """The number of lines that are not blank."""
    with path.open("rb") as file:
        return sum(1 for line in file if line.strip())


def _rows(file: BinaryIO, columns: Columns) -> Iterator[FeedRow | Reject]:
    with file:
        for line, data in enumerate(_bounded_lines(file), start=1):
            if data is None:
                yield Reject(line, f"the line is longer than {MAX_LINE_BYTES} bytes")
            elif data.strip():
                yield from _line_rows(line, data, columns)


def _bounded_lines(file: BinaryIO) -> Iterator[bytes | None]:
    """Lines without their end; None for one that is too long, which is skipped without being held in memory."""
    while data := file.readline(MAX_LINE_BYTES):
        whole = data.endswith(b"\n") or len(data) < MAX_LINE_BYTES
        while not whole:
            rest = file.readline(MAX_LINE_BYTES)
            data, whole = b"", rest.endswith(b"\n") or len(rest) < MAX_LINE_BYTES
        yield data or None


def _line_rows(line: int, data: bytes, columns: Columns) -> list[FeedRow | Reject]:
    try:
        value = json.loads(data.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        return [Reject(line, _NOT_UTF8)]
    except (ValueError, RecursionError):
        return [Reject(line, "the line is not valid JSON")]
    return _item_rows(line, value, columns)


def _item_rows(line: int, value: Any, columns: Columns) -> list[FeedRow | Reject]:
    if not isinstance(value, dict):
        return [Reject(line, "the line is not a JSON object")]
    return make_rows(line, columns.rename(value), typed=True)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
