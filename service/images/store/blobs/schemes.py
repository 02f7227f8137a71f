"""Blob stores by URL scheme."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from service.images.store.blobs.blob_store import BlobStore
from service.images.store.blobs.local import LocalBlobs


def open_blobs(location: Path | str, *, timeout_s: float) -> BlobStore:
    """A folder by its path or its `file://` URL, anything else by fsspec. Raises ConfigurationError."""
    if isinstance(location, Path) or "://" not in location:
        return LocalBlobs(Path(location))
    if location.startswith("file://"):
        return LocalBlobs(Path(unquote(urlsplit(location).path)))
    from service.images.store.blobs.remote import RemoteBlobs  # noqa: PLC0415 (fsspec is slow to import)

    return RemoteBlobs(location, timeout_s=timeout_s)
