"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

PRIVATE, READABLE = 0o600, 0o644
"""Modes: for the owner alone, or for everyone to read."""


def write_whole(path: Path, data: bytes, *, mode: int | None = PRIVATE, durable: bool = False) -> None:
    """Write next to `path`, in a folder that exists, and rename: a crash leaves no half file under a valid name.

    `mode`: who may read it; None: as the umask says. `durable`: when this returns, the file is on the disk itself under
    its name, even if the machine crashes. Raises OSError, and then changes nothing.
    """
    with whole_file(path, mode=mode, durable=durable) as file:
        file.write(data)


@contextmanager
def whole_file(path: Path, *, mode: int | None = PRIVATE, durable: bool = False) -> Iterator[BinaryIO]:
    """The same for what is written bit by bit: the file has its name when the block ends without an error."""
    temporary = path.with_name(f".new-{secrets.token_hex(8)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if mode is None else PRIVATE)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        if mode is not None:
            temporary.chmod(mode)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Sync a new name to disk. Windows does so by itself and cannot open folders."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
