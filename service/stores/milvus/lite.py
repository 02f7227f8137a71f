"""Milvus Lite in this process: its server over one folder, and what makes an acknowledged write last.

Lite (3.2) appends a write to its log and hands it to the kernel before it answers, so what was acknowledged outlives
the process, however it ends. Three things it leaves to its caller:

- A record that the disk took only in part stays in the log, and reading stops there: what is acknowledged after it is
  lost. So after a failed write the folder is reopened, with a fresh log, before anything else is written.
- A flush takes the rows out of memory before it has them on disk: searches in the meantime miss them, and a failed
  flush followed by another one deletes their log. So a flush is alone, and a failed one reopens the folder.
- Two concurrent writes may separate a row from its log. So there is one at a time.

A power failure is another thing: neither Lite nor this module waits for the disk itself.
"""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow
from milvus_lite.adapter.grpc.server import start_server_in_thread
from milvus_lite.db import COLLECTIONS_DIRNAME, SCHEMA_FILENAME
from milvus_lite.engine import collection as lite_collection
from milvus_lite.exceptions import DataDirLockedError

from service.errors import StoreFull, StoreLocked, StoreUnavailable, StoreUnusable
from service.stores.milvus import lite_search
from service.stores.milvus.attribute_columns import AttributeColumns
from service.stores.milvus.gate import Gate
from service.support import disk

logger = logging.getLogger(__name__)

_GRACE_S = 2.0
_UNFINISHED_SCHEMA = f"{SCHEMA_FILENAME}.tmp"
_NOT_A_FOLDER = (
    "WITHTHIS_STORE_URI names a file where Milvus Lite keeps a folder. It may be a database of Milvus Lite 2, which "
    "this version cannot read: choose another path, and fill it with `withthis index FEED`."
)
lite_collection.FILTER_CACHE_SIZE = 8
"""Lite keeps 256 compiled expressions of a collection. One with the keys of half a catalog takes megabytes."""

lite_search.take_over()

_open: dict[Path, LiteFolder] = {}
_lock = threading.Lock()


def lite_folder(uri: str) -> LiteFolder:
    """The folder that a URI names. All stores of this process that name it share one server and one lock."""
    path = Path(uri).absolute()
    with _lock:
        return _open.setdefault(path, LiteFolder(path))


class LiteFolder:
    """One folder of Milvus Lite; its server starts at the first use and belongs to this process until `close`.

    Whoever asks the server is inside `gate`.
    """

    def __init__(self, path: Path) -> None:
        """Nothing is opened yet."""
        self.gate = Gate()
        self._path = path
        self._server: tuple[Any, Any, str] | None = None
        self._torn = False
        self._columns: dict[str, AttributeColumns] = {}
        self._starting = threading.Lock()
        self._writing = threading.Lock()

    def address(self) -> str:
        """Where the server answers. Another one after the folder was reopened.

        Raises:
            StoreLocked: another process has the folder.
            StoreUnusable: the folder cannot be opened; the text says why.
        """
        with self._starting:
            if self._server is None:
                self._server = self._start()
            return self._server[2]

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Change rows in the block, exclusively; after a failure, the folder is repaired before the next change.

        Raises:
            StoreFull: the disk is full; nothing was changed.
        """
        with self._writing:
            self._make_sound()
            try:
                yield
            except StoreUnavailable as error:
                self._torn = True
                if not self._has_room():
                    raise StoreFull from error
                raise

    @contextmanager
    def still(self) -> Iterator[None]:
        """No row changes in the block."""
        with self._writing:
            yield

    def columns(self, collection: str) -> AttributeColumns:
        """The attributes of a collection, shared by all stores over it."""
        return self._columns.setdefault(collection, AttributeColumns())

    def forget_columns(self) -> None:
        """Rows may have changed without notice."""
        self._columns = {}

    @contextmanager
    def flushing(self) -> Iterator[None]:
        """Flush in the block, inside the gate; rows of a failed flush are in memory again after it."""
        with self.writing(), self.gate.alone():
            try:
                yield
                # What flushing and indexing 60,000 rows leaves in Arrow's pool: 90 MB.
                pyarrow.default_memory_pool().release_unused()
            except StoreUnavailable:
                self._stop()
                raise

    def close(self) -> None:
        """Write out what is in memory and release the folder; the next use reopens it."""
        with self._writing, self.gate.alone():
            self._stop()

    def _make_sound(self) -> None:
        if not self._has_room():
            raise StoreFull
        if self._torn:
            with self.gate.alone():
                self._stop()
            self.address()

    def _has_room(self) -> bool:
        return disk.has_room(self._path) and (not self._torn or disk.takes(self._path))

    def _start(self) -> tuple[Any, Any, str]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            server, database, port = start_server_in_thread(str(self._path), host="127.0.0.1", port=0)
        except DataDirLockedError as error:
            raise StoreLocked from error
        except OSError as error:
            raise self._refusal(error) from error
        self._torn = False
        _remove_half_made(self._path / COLLECTIONS_DIRNAME)
        return server, database, f"http://127.0.0.1:{port}"

    def _refusal(self, error: OSError) -> StoreUnavailable:
        if disk.is_full(error):
            return StoreFull()
        return StoreUnusable(_NOT_A_FOLDER if self._path.is_file() else None)

    def _stop(self) -> None:
        if self._server is None:
            return
        server, database, _ = self._server
        self._server = None
        self.forget_columns()  # another process may have the folder now
        server.stop(_GRACE_S).wait()
        _close(database)


def _remove_half_made(collections: Path) -> None:
    """Remove the folders of collections that were being created when the disk was full or the process was killed.

    Lite makes the folder first and its schema second. A folder without one holds no rows, and is not a collection to
    Lite, but prevents it from creating the collection.
    """
    for folder in collections.iterdir():
        if folder.is_dir() and {file.name for file in folder.iterdir()} <= {_UNFINISHED_SCHEMA}:
            (folder / _UNFINISHED_SCHEMA).unlink(missing_ok=True)
            folder.rmdir()
            logger.warning("the collection %s was never fully created; it is recreated when needed", folder.name)


@atexit.register
def _close_all() -> None:
    for folder in list(_open.values()):
        folder.close()


def _close(database: Any) -> None:
    """Close a database of Lite, whose own `close` skips collections that cannot be flushed.

    Such a collection keeps a thread that would write to the folder at the same time as its next owner; closing it once
    more, now that its memory is empty, ends that thread. Its rows are in its log.
    """
    for name, collection in list(database._collections.items()):
        try:
            collection.close()
        except Exception:
            logger.warning("rows of %s stay in the log of Milvus Lite: they could not be flushed", name, exc_info=True)
            with suppress(Exception):
                collection.close()
    database._collections.clear()
    database.close()
