"""Milvus Lite, the store in a local file: who holds it, and how to let go of it."""

import sys
from pathlib import Path


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


def release(uri: str) -> None:
    """Stop the Lite server that pymilvus started for this file; closing the client alone keeps the file locked."""
    from milvus_lite.server_manager import server_manager_instance  # noqa: PLC0415 (not needed for a remote Milvus)

    server_manager_instance.release_server(uri)
