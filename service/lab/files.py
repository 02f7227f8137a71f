"""Atomic file writes."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from service.lab.lab_errors import LabError


def write_text(path: Path, lines: Iterable[str], *, durable: bool = False) -> None:
    """Write lines of UTF-8 text; folders are made. If `lines` raises, nothing changes. Raises LabError.

    `durable`: on the disk itself when this returns, even if the machine crashes.
    """
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{line}\n" for line in lines)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        unfinished.replace(path)
        if durable:
            _sync_folder(path.parent)
    except OSError as error:
        raise LabError(f"{path} cannot be written. Check the folder's permissions and disk space.") from error
    finally:
        with suppress(OSError):
            unfinished.unlink()


def _sync_folder(folder: Path) -> None:
    """Sync a new name to disk. Windows does so by itself and cannot open folders."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
