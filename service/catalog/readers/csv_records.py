"""Records of a CSV file; a stray quote costs only its own line.

A quoted field may hold line breaks (RFC 4180), so a quote that was opened by mistake takes in the lines that follow, up
to the next quote. A record of several lines is therefore accepted only if nothing contradicts it; otherwise its first
line is rejected, and reading continues with the second. Evidence against it

- that it is not well-formed: the last quote is not closed, or a quote stands within a field that has none around it;
- that it has more fields than the header, or too few to have an id and an image;
- a line break in its id or its image;
- that its lines are records by themselves, with as many fields as the header and the name or the address of an image
  in the right place: the first line, with another image than the whole record; or the first and another one.

A record has an even number of quotes, so one stray quote leaves one open. What it takes in ends at the opening quote of
another field, with a text in no quotes behind it, or not at all; either is not well-formed. Only a field whose text
begins with a delimiter, a line break or a quote may hide it.
"""

import csv
import re
from collections import deque
from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import TextIO

MAX_RECORD_CHARS = 16 * 2**20
"""Longest record: room for an image of 10 MiB as a data URI."""

csv.field_size_limit(MAX_RECORD_CHARS)  # the module's own limit, 131,072, is less than many an image
_IMAGE = re.compile(r"(?:data:|https?://).*|.*\.(?:jpe?g|jpe|jfif|png|webp|gif|avif|heic|tiff?|bmp)", re.I | re.S)


@dataclass(frozen=True, slots=True)
class Layout:
    """What a header says: the number of columns, the place of the image, and those of the image and the id, if any."""

    width: int
    image: int
    one_line: Set[int]


class CsvRecords:
    """(number of the first line, cells) of every record that is not blank; None for a line that is not a record."""

    def __init__(self, file: TextIO, delimiter: str, above: int = 0) -> None:
        """`above`: lines of the file that were read before.

        Until `expect` was called, as for the header, only malformed records are detected.
        """
        self._lines = _Lines(file, above)
        self._reader = csv.reader(self._lines, delimiter=delimiter, strict=True)
        self._is_believable = _Believable(delimiter)

    def expect(self, layout: Layout) -> None:
        """From now on, all records are below a header."""
        self._is_believable.layout = layout

    def __iter__(self) -> Iterator[tuple[int, list[str] | None]]:
        """Itself."""
        return self

    def __next__(self) -> tuple[int, list[str] | None]:
        """The next record."""
        while True:
            line = self._lines.start()
            try:
                cells = next(self._reader)
            except csv.Error:
                cells = None
            if cells is None or not self._is_believable(self._lines.taken, cells):
                self._lines.give_back()
                return line, None
            if cells:
                return line, cells


class _Lines:
    """The lines of a file, numbered; of those that a record has taken, all but the first can be given back."""

    def __init__(self, file: TextIO, above: int) -> None:
        self._file = file
        self._number = above
        self._waiting: deque[str] = deque()
        self._chars = 0
        self.taken: list[str] = []

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._waiting.popleft() if self._waiting else self._read()
        if not line:
            raise StopIteration
        self.taken.append(line)
        self._chars += len(line)
        if self._chars > MAX_RECORD_CHARS:
            raise csv.Error
        return line

    def start(self) -> int:
        """Begin a record; the number of its first line."""
        self._number += len(self.taken)
        self.taken, self._chars = [], 0
        return self._number + 1

    def give_back(self) -> None:
        """It was not a record: only its first line is consumed."""
        self._waiting.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]

    def _read(self) -> str:
        """A line; of one that is too long just enough to be seen as such."""
        line = self._file.readline(MAX_RECORD_CHARS + 1)
        rest = line
        while len(rest) > MAX_RECORD_CHARS and not rest.endswith(("\n", "\r")):
            rest = self._file.readline(MAX_RECORD_CHARS + 1)
        return line


class _Believable:
    """Distinguishes records from lines that a stray quote joined."""

    def __init__(self, delimiter: str) -> None:
        between = re.escape(delimiter)
        field = rf'(?:"[^"]*+(?:""[^"]*+)*+"|[^"{between}\r\n]*+)'
        self._well_formed = re.compile(rf"{field}(?:{between}{field})*+[\r\n]*")
        self._delimiter = delimiter
        self.layout: Layout | None = None

    def __call__(self, lines: list[str], cells: list[str]) -> bool:
        if len(lines) == 1:
            return True
        if not self._well_formed.fullmatch("".join(lines)):
            return False
        return self.layout is None or self._fits(self.layout, lines, cells)

    def _fits(self, layout: Layout, lines: list[str], cells: list[str]) -> bool:
        if len(cells) <= max(layout.one_line) or any(cells[layout.width :]):
            return False
        if any(_is_broken(cell) for place, cell in enumerate(cells) if place in layout.one_line):
            return False
        first = self._image_of(layout, lines[0])
        if first is None:
            return True
        return first == cells[layout.image] and not any(self._image_of(layout, line) for line in lines[1:])

    def _image_of(self, layout: Layout, line: str) -> str | None:
        """The image of a line that is a record by itself, whether its quotes are quotes or plain characters."""
        if line.count(self._delimiter) < layout.width - 1:
            return None
        for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
            cells = next(csv.reader([line], delimiter=self._delimiter, quoting=quoting), [])
            if len(cells) >= layout.width and not any(cells[layout.width :]):
                image = cells[layout.image].strip(' "\r\n')
                if _IMAGE.fullmatch(image):
                    return image
        return None


def _is_broken(cell: str) -> bool:
    return "\n" in cell or "\r" in cell
