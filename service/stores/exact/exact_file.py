"""The file of the exact store: a log of JSON lines that survives a crash at any byte.

The first line names the encoder, then each line puts a row or removes some; vectors are base64 of little-endian
float32. Every write appends whole lines and hands them to the kernel, so a crash leaves at most one broken line there,
which reading drops; the remains of a failed write are truncated before the next one. Closing rewrites a log that holds
more dead lines than rows, next to it and then by renaming. A file belongs to one process at a time.
"""

import base64
import json
import logging
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np

from service.errors import StoreFull, StoreLocked, StoreUnavailable
from service.product import Product
from service.stores.local_file import lock_file
from service.stores.revisions import row_key
from service.stores.store import Record
from service.support import disk
from service.support.whole_file import whole_file

logger = logging.getLogger(__name__)

Built = tuple[str, str]
_HEADER_START = b'{"encoder":'
_UNWRITABLE = "The store's file cannot be read or written. Check WITHTHIS_STORE_URI, its permissions and disk space."
_FOREIGN = "The file named by WITHTHIS_STORE_URI is damaged, or not a store of WithThis. Choose another file."


class RowFile:
    """One open log. All methods raise `StoreUnavailable` if the disk fails."""

    def __init__(self, path: Path) -> None:
        """Open and lock the file, which is created if missing. Raises StoreLocked."""
        self._path = path
        self._lines = 0
        self._sound = 0  # bytes of whole lines
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+b", buffering=0)
        except OSError as error:
            raise _refusal(error) from error
        if not lock_file(self._file):
            self._file.close()
            raise StoreLocked

    def load(self) -> tuple[Built | None, dict[str, Record]]:
        """The encoder and the rows; a line that a crash has cut short is skipped, and removed by the next write."""
        rows: dict[str, Record] = {}
        built: Built | None = None
        try:
            for entry in self._entries():
                if built is None:
                    built = entry["encoder"], entry["fingerprint"]
                elif "put" in entry:
                    row = _record(entry["put"])
                    rows[row_key(row)] = row
                else:
                    for id in entry["remove"]:
                        rows.pop(id, None)
        except (KeyError, TypeError, ValueError) as error:
            self.abandon()
            raise StoreUnavailable(_FOREIGN) from error
        return built, rows

    def _entries(self) -> Iterator[dict[str, Any]]:
        """The lines' contents. Only the last line may be broken; ValueError for another."""
        with self._path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    if self._sound == 0 and not line.startswith(_HEADER_START[: len(line)]):
                        raise ValueError("not our file")
                    return
                yield json.loads(line)
                self._sound += len(line)
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
        """Close the file, compacted if that is worth it."""
        try:
            if self._lines > 2 * len(rows) + 1:
                self._compact(rows)
        except StoreFull:
            logger.warning("the store's file was not compacted: the disk is full")
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close the file without compacting it."""
        self._file.close()

    def replace_by(self, other: "RowFile") -> None:
        """Replace this file with another one, which must not be used any more."""
        try:
            other._path.replace(self._path)
        except OSError as error:
            raise _refusal(error) from error
        self._file.close()
        self._file, self._lines, self._sound = other._file, other._lines, other._sound

    def _compact(self, rows: Iterable[Record]) -> None:
        try:
            with self._path.open("rb") as log, whole_file(self._path, mode=None, durable=True) as file:
                file.write(log.readline())
                file.writelines(_line({"put": _fields(record)}) for record in rows)
        except OSError as error:
            raise _refusal(error) from error

    def _add(self, entries: list[dict[str, Any]]) -> None:
        lines = b"".join(map(_line, entries))
        try:
            self._cut()
            if not disk.has_room(self._path.parent):
                raise StoreFull
            _write_all(self._file, lines)
        except OSError as error:
            with suppress(OSError):
                self._cut()
            raise _refusal(error) from error
        self._sound += len(lines)
        self._lines += len(entries)

    def _cut(self) -> None:
        """Remove what a failed write has left after the complete lines."""
        if os.fstat(self._file.fileno()).st_size > self._sound:
            self._file.truncate(self._sound)


def _write_all(file: FileIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) or 0 :]


def _refusal(error: OSError) -> StoreUnavailable:
    return StoreFull() if disk.is_full(error) else StoreUnavailable(_UNWRITABLE)


def _line(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _fields(record: Record) -> dict[str, Any]:
    vector = np.asarray(record.vector, dtype="<f4").tobytes()
    product = record.product
    return {
        "id": record.id,
        "product_id": product.id,
        "vector": base64.b64encode(vector).decode(),
        "title": product.title,
        "category": product.category,
        "price": product.price,
        "attributes": product.attributes,
        "image_key": product.image_key,
        "content_hash": record.content_hash,
        "updated_at": record.updated_at,
        "revision": record.revision,
        "revision_rows": record.revision_rows,
    }


def _record(fields: dict[str, Any]) -> Record:
    return Record(
        id=fields["id"],
        product=Product.model_construct(
            id=fields["product_id"],
            title=fields["title"],
            category=fields["category"],
            price=fields["price"],
            attributes=fields["attributes"],
            image_key=fields["image_key"],
        ),
        vector=np.frombuffer(base64.b64decode(fields["vector"]), dtype="<f4").astype(np.float32),
        content_hash=fields["content_hash"],
        updated_at=fields["updated_at"],
        revision=fields.get("revision", ""),
        revision_rows=fields.get("revision_rows", 0),
    )
