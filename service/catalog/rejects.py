"""The file of rejected rows."""

import json
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from service.catalog.rows import Reject
from service.errors import FeedError

_UNWRITABLE = (
    "The file for rejected rows cannot be written. Give another path with --rejects, or check the space on its disk."
)


class RejectFile:
    """JSON lines with `line`, `id`, `field` and `reason`; an old file is removed, a new one appears with the
    first reject.

    Without a path nothing is written. Raises `FeedError` if the file cannot be written.
    """

    def __init__(self, path: Path | None) -> None:
        """Nothing is touched before the `with` block."""
        self._path = path
        self._file: TextIO | None = None

    def __enter__(self) -> "RejectFile":
        """Remove what an earlier run has left."""
        if self._path is not None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._path.unlink(missing_ok=True)
            except OSError as error:
                raise FeedError(_UNWRITABLE) from error
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file, if there is one; a row that the disk has not taken was told when it was written."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()

    def write(self, reject: Reject) -> None:
        """Add one line at once, so that an interrupted run leaves a complete file."""
        if self._path is None:
            return
        entry = {"line": reject.line, "id": reject.id, "field": reject.field, "reason": reject.reason}
        try:
            if self._file is None:
                self._file = self._path.open("w", encoding="utf-8", errors="backslashreplace")
            self._file.write(json.dumps(entry, ensure_ascii=False) + "\n")
            self._file.flush()
        except OSError as error:
            raise FeedError(_UNWRITABLE) from error
