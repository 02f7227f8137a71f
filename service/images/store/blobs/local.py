"""Files in a folder of this machine."""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.errors import ImageStoreUnavailable, StoreFull
from service.images.store.blobs.blob_store import Blob
from service.support.disk import is_full
from service.support.whole_file import READABLE, write_whole

UNUSABLE = "The image folder cannot be read or written. Check its disk space and permissions."


class LocalBlobs:
    """The `BlobStore` in a folder, which is made on the first write."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, name: str) -> bytes:
        """See `BlobStore.read`."""
        with _told():
            return (self._root / name).read_bytes()

    def put(self, name: str, data: bytes, *, refresh: bool = True) -> None:
        """See `BlobStore.put`. Comparing and refreshing cost little here, so they are always done."""
        path = self._root / name
        try:
            if _holds(path, data):
                os.utime(path)
                return
        except OSError:  # deleted in the middle, or damaged in its own way: writing says what is wrong
            pass
        with _told():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, data, mode=READABLE)

    def list(self) -> Iterator[Blob]:
        """See `BlobStore.list`."""
        for path in sorted(self._root.rglob("*")):
            try:
                with _told():
                    status = path.stat()
            except FileNotFoundError:  # deleted since
                continue
            if path.is_file():
                yield Blob(path.relative_to(self._root).as_posix(), status.st_size, status.st_mtime)

    def delete(self, name: str, *, older_than: float = math.inf) -> bool:
        """See `BlobStore.delete`."""
        path = self._root / name
        try:
            with _told():
                doomed = path.stat().st_mtime < older_than
                if doomed:
                    path.unlink()
                return doomed
        except FileNotFoundError:
            return False

    def ping(self) -> None:
        """Return if the folder, or the nearest one above it that exists, can be written."""
        folder = self._root.absolute()
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        if not existing.is_dir() or not os.access(existing, os.W_OK):
            raise ImageStoreUnavailable(UNUSABLE)


def _holds(path: Path, data: bytes) -> bool:
    """True if the file has these bytes. A file of another size is not read."""
    return path.stat().st_size == len(data) and path.read_bytes() == data


@contextmanager
def _told() -> Iterator[None]:
    """A file that is not there is the caller's business; whatever else goes wrong becomes our error."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise (StoreFull() if is_full(error) else ImageStoreUnavailable(UNUSABLE)) from error
