"""Stores in a local file belong to one process.

The locks are the kernel's and are released when their process ends, even after a kill.
"""

import sys
from io import FileIO
from typing import BinaryIO


def is_local(uri: str) -> bool:
    """True if a Milvus URI names a local file."""
    return uri.endswith(".db") and "://" not in uri


def lock_file(file: BinaryIO | FileIO) -> bool:
    """Take the file for this process until it is closed; False if another holder has it. Not done on Windows."""
    if sys.platform == "win32":
        return True
    import fcntl  # noqa: PLC0415 (exists on POSIX only)

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
