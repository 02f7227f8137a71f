"""An append-only JSON Lines file that survives a kill at any byte: only its last line can be incomplete, and is
dropped.

Lines are handed to the operating system one by one, so a killed process loses none; a power failure may lose the last
few.
"""

import json
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from pydantic import TypeAdapter

from service.lab.lab_errors import ExperimentError

T = TypeVar("T")
_ROW = TypeAdapter(dict[str, Any])


class Journal:
    """One open journal. Appending is thread-safe; a file belongs to one process at a time (see `RunFolder`)."""

    def __init__(self, path: Path) -> None:
        """Open the file, which is created if missing. Raises ExperimentError if the disk fails."""
        self._path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = path.open("a+b")
        except OSError as error:
            raise ExperimentError(
                f"{path} cannot be written. Check the folder's permissions and disk space."
            ) from error

    def load(self, read: Callable[[dict[str, Any]], T]) -> list[T]:
        """What `read` makes of each row so far; a torn last line is cut off. Raises ExperimentError for any other line
        that is not a row, or of which `read` can make nothing (KeyError, TypeError, ValueError), and closes the file.
        """
        rows: list[T] = []
        whole = 0
        self._file.seek(0)
        for number, line in enumerate(self._file, start=1):
            if not line.endswith(b"\n"):
                self._file.truncate(whole)
                break
            rows.append(self._row(line, number, read))
            whole += len(line)
        return rows

    def append(self, row: Mapping[str, Any]) -> None:
        """Add a row. Raises ExperimentError if the disk fails."""
        line = json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        try:
            with self._lock:
                self._file.write(line)
                self._file.flush()
        except OSError as error:
            raise ExperimentError(f"{self._path} cannot be written. Check its permissions and disk space.") from error

    def close(self) -> None:
        """Close the file; a line that the disk has not taken was told when it was appended."""
        with suppress(OSError):
            self._file.close()

    def _row(self, line: bytes, number: int, read: Callable[[dict[str, Any]], T]) -> T:
        try:
            return read(_ROW.validate_json(line))
        except (KeyError, TypeError, ValueError) as error:
            self.close()
            text = f"{self._path}, line {number}, is damaged. Delete the file to measure again."
            raise ExperimentError(text) from error
