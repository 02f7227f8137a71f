"""JSON Lines files in a folder that several processes share: each writes its own files.

A new file is begun every day (UTC) and when one is full. Only the last line of a file can be torn, by a killed process.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from service.errors import ConfigurationError

MAX_BYTES = 64 * 2**20
SUFFIX = ".jsonl"


class LogFile:
    """The file that is written to now. Not thread-safe: it belongs to one writer."""

    def __init__(self, folder: Path, max_bytes: int = MAX_BYTES) -> None:
        """Make the folder if it is missing; no file yet. Raises ConfigurationError if it is not writable."""
        self._folder = folder
        self._max_bytes = max_bytes
        self._file: int | None = None
        self._size = 0
        self._day = ""
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise ConfigurationError(
                "WITHTHIS_SEARCH_LOG names a folder that is not writable. Correct the path or its permissions."
            ) from error

    def append(self, line: bytes) -> None:
        """Add a line (with its end). Raises OSError if the disk fails; the file then ends before this line."""
        now = datetime.now(UTC)
        if self._file is None or self._day != f"{now:%Y%m%d}" or self._size + len(line) > self._max_bytes:
            self._begin(now)
        assert self._file is not None
        try:
            if os.write(self._file, line) < len(line):
                raise OSError("the disk accepted only part of a line")
        except OSError:
            self._cut()
            raise
        self._size += len(line)

    def close(self) -> None:
        """Close the file; a further line starts another one."""
        if self._file is not None:
            with suppress(OSError):
                os.close(self._file)
        self._file = None

    def _begin(self, now: datetime) -> None:
        """Processes on several machines may share the folder, so a process id is not a unique name."""
        self.close()
        path = self._folder / f"{now:%Y%m%dT%H%M%SZ}-{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}"
        self._file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_WRONLY, 0o600)
        self._size, self._day = 0, f"{now:%Y%m%d}"

    def _cut(self) -> None:
        """Take back what was written of a line, so that the next one does not continue it."""
        assert self._file is not None
        try:
            os.ftruncate(self._file, self._size)
        except OSError:
            self.close()
