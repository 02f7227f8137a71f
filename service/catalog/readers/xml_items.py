"""XML feeds: RSS 2.0 and Atom as Google Merchant defines them, or any document of `product` elements.

Read by expat as a stream, an item at a time. A document type declaration is refused, so there are no entities of its
own to expand and nothing outside to load; elements, their depth and their text are bounded. Prefixes are left out: an
`id` and a `g:id` are one field, of which that with the prefix counts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO
from xml.parsers import expat

from service.catalog.readers.json_lines import MAX_LINE_BYTES, NAMED_LINES
from service.catalog.readers.reader import RawLine
from service.catalog.rows import Reject
from service.errors import FeedError

ITEMS = frozenset({"item", "entry", "product"})
_CHUNK = 2**16
_MAX_DEPTH = 32
_MAX_FIELDS = 10_000
_NO_DTD = "The XML feed declares a document type (DTD), which is refused. Remove the DOCTYPE, and the entities in it."


class XmlReader:
    """An XML file; one item at a time is in memory."""

    textual, numbered, declares = True, False, False

    def __init__(self, path: Path) -> None:
        """Raises FeedError for a file that cannot be opened."""
        self._path = path
        self._open().close()

    def names(self) -> list[str]:
        """The names of the elements in the first items."""
        found = (line.fields for line in islice(self.lines(), NAMED_LINES) if isinstance(line, RawLine))
        return list({name: None for fields in found for name in fields})

    def notes(self) -> list[str]:
        """Nothing is left out."""
        return []

    def lines(self) -> Iterator[RawLine | Reject]:
        """The items; their line is that of the start of the element."""
        items = _Items()
        with self._open() as file:
            while not items.ended:
                items.feed(file.read(_CHUNK))
                while items.ready:
                    yield items.ready.popleft()
        if not items.any:
            raise FeedError("The XML feed has no item, entry or product elements.")

    def _open(self) -> BinaryIO:
        try:
            return self._path.open("rb")
        except OSError as error:
            raise FeedError("The feed cannot be opened. Check its permissions.") from error


class _Items:
    """The state of the parser."""

    def __init__(self) -> None:
        self.ready: deque[RawLine | Reject] = deque()
        self.any = self.ended = False
        self._line = 0
        self._path: list[str] = []
        self._inside: int | None = None
        self._fields: dict[str, list[Any]] = {}
        self._parts: dict[str, Any] | None = None
        self._text: list[str] = []
        self._size = self._count = 0
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = _refuse_doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters

    def feed(self, data: bytes) -> None:
        """The next bytes; none at the end of the file. Raises FeedError."""
        self.ended = not data
        try:
            self._parser.Parse(data, self.ended)
        except expat.ExpatError as error:
            reason = expat.ErrorString(error.code)
            raise FeedError(f"The XML feed is damaged in line {error.lineno}: {reason}. Write it again.") from error

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._path.append(name)
        if len(self._path) > _MAX_DEPTH:
            raise FeedError(f"The XML feed has elements more than {_MAX_DEPTH} deep. Write it again.")
        if self._inside is None and _local(name) in ITEMS:
            self._begin()
        elif self._inside is not None:
            self._count += 1
            self._text = [attributes["href"]] if "href" in attributes else []
            if len(self._path) == self._inside + 2:
                self._parts = self._parts if self._parts is not None else {}

    def _begin(self) -> None:
        self.any, self._inside = True, len(self._path)
        self._line = self._parser.CurrentLineNumber
        self._fields, self._parts, self._text, self._size, self._count = {}, None, [], 0, 0

    def _characters(self, text: str) -> None:
        if self._inside is not None:
            self._size += len(text)
            if self._size <= MAX_LINE_BYTES:
                self._text.append(text)

    def _end(self, name: str) -> None:
        depth = len(self._path)
        self._path.pop()
        if self._inside is None:
            return
        if depth == self._inside:
            self._inside = None
            self.ready.append(self._item())
        elif depth == self._inside + 1 and self._count <= _MAX_FIELDS:
            value = self._parts if self._parts is not None else "".join(self._text).strip()
            self._fields.setdefault(name, []).append(value)
            self._parts, self._text = None, []
        elif self._parts is not None and self._count <= _MAX_FIELDS:
            self._parts[_local(name)] = "".join(self._text).strip()
            self._text = []

    def _item(self) -> RawLine | Reject:
        if self._size > MAX_LINE_BYTES:
            return Reject(self._line, f"the item is longer than {MAX_LINE_BYTES} characters")
        if self._count > _MAX_FIELDS:
            return Reject(self._line, f"the item has more than {_MAX_FIELDS} elements")
        prefixed = {_local(name) for name in self._fields if name.startswith("g:")}
        fields = {
            _local(name): values[0] if len(values) == 1 else values
            for name, values in self._fields.items()
            if name.startswith("g:") or _local(name) not in prefixed
        }
        return RawLine(self._line, fields)


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _refuse_doctype(*_: object) -> None:
    raise FeedError(_NO_DTD)
