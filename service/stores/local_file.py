"""Stores in a local file belong to one process: who holds them, and how to let go. Mostly about Milvus Lite.

The locks are the kernel's and end with their process, however it ends: nothing is left stale after a kill.
"""

import sys
from pathlib import Path
from typing import BinaryIO


def is_local(uri: str) -> bool:
    """True if a Milvus URI names a local file."""
    return uri.endswith(".db") and "://" not in uri


def is_held(uri: str) -> bool:
    """True if a process (this one included) has the local file open.

    pymilvus swallows Lite's lock error and says only that opening failed, so the lock itself is tried here.
    """
    if sys.platform == "win32":  # no flock there; the lock file exists whenever the store was ever opened
        return (Path(uri) / "LOCK").exists()
    import fcntl  # noqa: PLC0415 (exists on POSIX only)

    try:
        with (Path(uri) / "LOCK").open("rb+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.flock(lock, fcntl.LOCK_UN)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def lock_file(file: BinaryIO) -> bool:
    """Take the file for this process until it is closed; False if another holder has it. Not done on Windows."""
    if sys.platform == "win32":
        return True
    import fcntl  # noqa: PLC0415 (exists on POSIX only)

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def release(uri: str) -> None:
    """Stop the Lite server that pymilvus started for this file; closing the client alone keeps the file locked."""
    from milvus_lite.server_manager import server_manager_instance  # noqa: PLC0415 (not needed for a remote Milvus)

    server_manager_instance.release_server(uri)
