"""JSON feeds: one object per line, or an array of objects."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from service.catalog.readers.reader import RawLine
from service.catalog.rows import Reject
from service.errors import FeedError

MAX_LINE_BYTES = 16 * 2**20
"""Longest line of a JSONL file: room for an image of 10 MiB as a data URI."""

MAX_JSON_BYTES = 256 * 2**20
NAMED_LINES = 1000
"""Lines that are read for the names of columns."""

_NOT_UTF8 = "the line is not UTF-8 text"


class JsonLinesReader:
    """A JSONL file; a line at a time is held in memory."""

    textual, numbered, declares = False, False, False

    def __init__(self, path: Path) -> None:
        """Raises FeedError for a file that cannot be opened."""
        self._path = path
        self._open().close()

    def names(self) -> list[str]:
        """The names in the first lines."""
        return _names(self.lines())

    def notes(self) -> list[str]:
        """Nothing is left out."""
        return []

    def lines(self) -> Iterator[RawLine | Reject]:
        """The objects."""
        with self._open() as file:
            for line, data in enumerate(_bounded_lines(file), start=1):
                if data is None:
                    yield Reject(line, f"the line is longer than {MAX_LINE_BYTES} bytes")
                elif data.strip():
                    yield _line(line, data)

    def _open(self) -> BinaryIO:
        try:
            return self._path.open("rb")
        except OSError as error:
            raise FeedError("The feed cannot be opened. Check its permissions.") from error


class JsonArrayReader:
    """A file that is one JSON array, or an object whose `products` are one; all of it is held in memory."""

    textual, numbered, declares = False, False, False

    def __init__(self, path: Path) -> None:
        """Raises FeedError for a file that is not one."""
        self._path = path
        if path.stat().st_size > MAX_JSON_BYTES:
            raise FeedError("The JSON file is too large to be read at once. Write it as JSONL, one product per line.")
        if not isinstance(self._items, list):
            raise FeedError("The JSON feed must be an array of objects, one per product.")

    def names(self) -> list[str]:
        """The names in the first objects."""
        return _names(self.lines())

    def notes(self) -> list[str]:
        """Nothing is left out."""
        return []

    def lines(self) -> Iterator[RawLine | Reject]:
        """The objects."""
        return (_object(line, item) for line, item in enumerate(self._items, start=1))

    @cached_property
    def _items(self) -> Any:
        try:
            found = _parse(self._path.read_text(encoding="utf-8-sig"))
            return found["products"] if isinstance(found, dict) and "products" in found else found
        except (OSError, ValueError, RecursionError) as error:
            raise FeedError("The feed is not valid JSON in UTF-8.") from error


@dataclass(frozen=True, slots=True)
class _Doubled:
    """An object that has a name twice, of which a parser would keep the last."""

    name: str


def _names(lines: Iterator[RawLine | Reject]) -> list[str]:
    found = (line.fields for line in islice(lines, NAMED_LINES) if isinstance(line, RawLine))
    return list({name: None for fields in found for name in fields})


def _bounded_lines(file: BinaryIO) -> Iterator[bytes | None]:
    """Lines without their end; None for one that is too long, which is skipped without being held in memory."""
    while data := file.readline(MAX_LINE_BYTES):
        whole = data.endswith(b"\n") or len(data) < MAX_LINE_BYTES
        while not whole:
            rest = file.readline(MAX_LINE_BYTES)
            data, whole = b"", rest.endswith(b"\n") or len(rest) < MAX_LINE_BYTES
        yield data or None


def _line(line: int, data: bytes) -> RawLine | Reject:
    try:
        return _object(line, _parse(data.decode("utf-8-sig")))
    except UnicodeDecodeError:
        return Reject(line, _NOT_UTF8)
    except (ValueError, RecursionError):
        return Reject(line, "the line is not valid JSON")


def _object(line: int, value: Any) -> RawLine | Reject:
    if isinstance(value, _Doubled):
        return Reject(line, f"two fields of the line are called {value.name!r}")
    return RawLine(line, value) if isinstance(value, dict) else Reject(line, "the line is not a JSON object")


def _parse(text: str) -> Any:
    """JSON as RFC 8259 has it. Raises ValueError, RecursionError."""
    return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Doubled:
    found = dict(pairs)
    doubled = next((value for value in found.values() if isinstance(value, _Doubled)), None)
    if doubled is not None or len(found) == len(pairs):
        return doubled or found
    names = [name for name, _ in pairs]
    return _Doubled(next(name for name in names if names.count(name) > 1)[:100])


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
