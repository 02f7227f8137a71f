"""Files anywhere that fsspec supports: S3, Google Cloud Storage, Azure, SFTP and others.

A store that does not answer must not delay every search, so after a failure it is not tried for some seconds.
"""

import math
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from fsspec.core import url_to_fs

from service.errors import ConfigurationError, ImageStoreUnavailable
from service.images.store.blobs.blob_store import Blob

_REST_S = 5.0
_WRITE_WHOLE = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oci", "oss", "memory"})
"""Protocols on which an object appears with its last byte; on others files are written to a temporary name and then
moved.
"""

_MODIFIED = ("mtime", "LastModified", "last_modified", "updated")
_REFUSED = "The image store refuses access. Check the credentials and permissions for WITHTHIS_IMAGES_URL."


class RemoteBlobs:
    """The `BlobStore` under a URL. Connects on first use; safe to use from threads.

    Listings are never cached: other processes write and delete too.
    """

    def __init__(self, url: str, *, timeout_s: float) -> None:
        """`timeout_s` bounds each reading and writing where the file system is an asynchronous one.

        Raises:
            ConfigurationError: a protocol that fsspec does not know, or whose package is not installed.
        """
        self._url = url
        self._timeout_s = timeout_s
        self._rest_until = 0.0
        try:
            self._fs, self._root = url_to_fs(url, use_listings_cache=False)
        except ImportError as error:
            raise ConfigurationError(
                "WITHTHIS_IMAGES_URL needs a package that is not installed: for s3:// it is "
                "pip install 'withthis[s3]', for others the file system's package of fsspec."
            ) from error
        except (ValueError, TypeError, OSError) as error:
            raise ConfigurationError(
                "WITHTHIS_IMAGES_URL cannot be opened. Give a folder, or a URL that fsspec supports, such as s3://bucket/images."
            ) from error
        protocols = self._fs.protocol
        names = {protocols} if isinstance(protocols, str) else set(protocols)
        self._whole = bool(names & _WRITE_WHOLE)

    def __reduce__(self) -> tuple[Callable[..., "RemoteBlobs"], tuple[str, float]]:
        """Worker processes connect by themselves, with their own credentials."""
        return _connect, (self._url, self._timeout_s)

    def read(self, name: str) -> bytes:
        """See `BlobStore.read`."""
        found: bytes = self._ask(self._fs.cat_file, self._path(name), **self._patience)
        return found

    def put(self, name: str, data: bytes, *, refresh: bool = True) -> None:
        """See `BlobStore.put`. An object is made young by writing it again: few of these systems have a touch."""
        path = self._path(name)
        if refresh or self._size(path) != len(data):
            self._ask(self._write, path, data)

    def list(self) -> Iterator[Blob]:
        """See `BlobStore.list`."""
        try:
            found: Mapping[str, Any] = self._ask(self._fs.find, self._root, detail=True)
        except FileNotFoundError:
            return
        for path, info in found.items():
            name = path.removeprefix(self._root).lstrip("/")
            yield Blob(name, int(info.get("size") or 0), self._ask(self._modified, path, info))

    def delete(self, name: str, *, older_than: float = math.inf) -> bool:
        """See `BlobStore.delete`."""
        path = self._path(name)
        try:
            info = self._ask(self._fs.info, path, **self._patience)
            if self._ask(self._modified, path, info) >= older_than:
                return False
            self._ask(self._fs.rm_file, path)
        except FileNotFoundError:
            return False
        return True

    def ping(self) -> None:
        """Return if the place answers, with the root in it or without."""
        self._rest_until = 0.0
        self._ask(self._fs.exists, self._root, **self._patience)

    @property
    def _patience(self) -> dict[str, Any]:
        return {"timeout": self._timeout_s} if self._fs.async_impl else {}

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _size(self, path: str) -> int | None:
        """The file's size; None if there is none, or its size is not known."""
        try:
            size = self._ask(self._fs.info, path, **self._patience).get("size")
        except FileNotFoundError:
            return None
        return None if size is None else int(size)

    def _write(self, path: str, data: bytes) -> None:
        if self._whole:
            self._fs.pipe_file(path, data, **self._patience)
            return
        folder = path.rpartition("/")[0]
        beside = f"{folder}/.new-{uuid.uuid4().hex}"
        self._fs.makedirs(folder, exist_ok=True)
        self._fs.pipe_file(beside, data)
        self._fs.mv(beside, path)

    def _modified(self, path: str, info: Mapping[str, Any]) -> float:
        found = next((info[name] for name in _MODIFIED if info.get(name) is not None), None)
        return _seconds(self._fs.modified(path) if found is None else found)

    def _ask(self, call: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Call, unless the place failed a moment ago. Raises FileNotFoundError as the file system does."""
        if time.monotonic() < self._rest_until:
            raise ImageStoreUnavailable
        try:
            return call(*args, **options)
        except FileNotFoundError:
            raise
        except PermissionError as error:
            raise ImageStoreUnavailable(_REFUSED) from error
        except Exception as error:  # each file system brings the errors of its own client
            self._rest_until = time.monotonic() + _REST_S
            raise ImageStoreUnavailable from error


def _connect(url: str, timeout_s: float) -> RemoteBlobs:
    return RemoteBlobs(url, timeout_s=timeout_s)


def _seconds(moment: datetime | str | float) -> float:
    """Unix time of what a file system gives as the time of a change; a time without a zone is UTC."""
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    if isinstance(moment, datetime):
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return float(moment)
