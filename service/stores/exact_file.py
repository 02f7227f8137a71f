"""The file of the exact store: a log of JSON lines that survives a crash at any byte.

The first line names the encoder, then each line puts a row or removes some; vectors are base64 of little-endian
float32. Every write adds whole lines at the end, so a crash leaves at most one broken line there, which reading drops.
Closing rewrites a log that holds more dead lines than rows, beside it and then by renaming. A file belongs to one
process at a time.
"""

import base64
import json
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from service.errors import StoreLocked, StoreUnavailable
from service.stores.base import Record
from service.stores.local_file import lock_file

Built = tuple[str, str]
_HEADER_START = b'{"encoder":'
_UNWRITABLE = "The store's file cannot be read or written. Check WITHTHIS_STORE_URI, its permissions and disk space."
_FOREIGN = "The file named by WITHTHIS_STORE_URI is damaged, or no store of WithThis. Name another file."


class RowFile:
    """One open log. All methods raise :class:`~service.errors.StoreUnavailable` where the disk fails."""

    def __init__(self, path: Path) -> None:
        """Open and lock the file, which is made if it is missing. Raises StoreLocked."""
        self._path = path
        self._lines = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = path.open("a+b")
        except OSError as error:
            raise StoreUnavailable(_UNWRITABLE) from error
        if not lock_file(self._file):
            self._file.close()
            raise StoreLocked

    def load(self) -> tuple[Built | None, dict[str, Record]]:
        """The encoder and the rows; a line that a crash has cut short is removed."""
        rows: dict[str, Record] = {}
        built: Built | None = None
        try:
            for entry in self._entries():
                if built is None:
                    built = entry["encoder"], entry["fingerprint"]
                elif "put" in entry:
                    rows[entry["put"]["id"]] = _record(entry["put"])
                else:
                    for id in entry["remove"]:
                        rows.pop(id, None)
        except (KeyError, TypeError, ValueError) as error:
            self.abandon()
            raise StoreUnavailable(_FOREIGN) from error
        return built, rows

    def _entries(self) -> Iterator[dict[str, Any]]:
        """The lines' contents. Only the last line may be broken; ValueError for another."""
        whole = 0
        self._file.seek(0)
        for line in self._file:
            if not line.endswith(b"\n"):
                if whole == 0 and not line.startswith(_HEADER_START[: len(line)]):
                    raise ValueError("not our file")
                self._file.truncate(whole)
                return
            yield json.loads(line)
            whole += len(line)
            self._lines += 1

    def begin(self, built: Built) -> None:
        """Write the header of an empty file."""
        self._add([{"encoder": built[0], "fingerprint": built[1]}])

    def put(self, records: Sequence[Record]) -> None:
        """Add rows."""
        self._add([{"put": _fields(record)} for record in records])

    def remove(self, ids: Sequence[str]) -> None:
        """Remove rows."""
        self._add([{"remove": list(ids)}])

    def close(self, rows: Collection[Record]) -> None:
        """Let go of the file, compact if that is worth it."""
        if self._lines > 2 * len(rows) + 1:
            self._compact(rows)
        self.abandon()

    def abandon(self) -> None:
        """Let go of the file as it is."""
        self._file.close()

    def replace_by(self, other: "RowFile") -> None:
        """Take the place of this file with another one, which is not to be used any more."""
        try:
            other._path.replace(self._path)
        except OSError as error:
            raise StoreUnavailable(_UNWRITABLE) from error
        self._file.close()
        self._file, self._lines = other._file, other._lines

    def _compact(self, rows: Iterable[Record]) -> None:
        self._file.seek(0)
        header = self._file.readline()
        fresh = self._path.with_name(self._path.name + ".compact")
        try:
            with fresh.open("wb") as file:
                file.write(header)
                file.writelines(_line({"put": _fields(record)}) for record in rows)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
        except OSError as error:
            raise StoreUnavailable(_UNWRITABLE) from error

    def _add(self, entries: list[dict[str, Any]]) -> None:
        try:
            self._file.write(b"".join(map(_line, entries)))
            self._file.flush()
        except OSError as error:
            raise StoreUnavailable(_UNWRITABLE) from error
        self._lines += len(entries)


def _line(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _fields(record: Record) -> dict[str, Any]:
    vector = np.asarray(record.vector, dtype="<f4").tobytes()
    plain = {name: getattr(record, name) for name in Record.__slots__}
    return {**plain, "attributes": dict(record.attributes), "vector": base64.b64encode(vector).decode()}


def _record(fields: dict[str, Any]) -> Record:
    vector = np.frombuffer(base64.b64decode(fields["vector"]), dtype="<f4").astype(np.float32)
    return Record(**{**fields, "vector": vector})
