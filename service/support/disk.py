"""Room on the disk of a local store: what a store needs to close soundly is kept free of new rows."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path

RESERVE_BYTES = 16 * 2**20
"""Free bytes below which writes are refused: enough to write out the rows that are still in memory."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def is_full(error: BaseException | None) -> bool:
    """True if an error, or one that led to it, says that the disk, a quota or the size of a file is exhausted."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        error = error.__cause__ or error.__context__
    return False


def has_room(folder: Path) -> bool:
    """True if the folder's disk has the reserve free. An unknown amount counts as free: writing will tell."""
    try:
        return shutil.disk_usage(folder).free >= RESERVE_BYTES
    except OSError:
        return True


def takes(folder: Path) -> bool:
    """True if the reserve can really be written there: quotas and limits on files do not show as free bytes."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            _fill(file.fileno())
    except OSError:
        return False
    return True


def _fill(descriptor: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, RESERVE_BYTES)
        return
    block = bytes(2**20)
    for _ in range(RESERVE_BYTES // len(block)):
        os.write(descriptor, block)
