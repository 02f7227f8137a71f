"""From a row to its image: read it, check it, decode it, store it. Runs in worker processes, so nothing here may
import torch or touch the store.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from service.catalog.records import row_hash
from service.catalog.rows import FeedRow, ImageKey, Reject, is_data_uri
from service.errors import ImageDamaged, ImageNotFound, InvalidImage
from service.images.decode import DecodedImage, ImageLimits, content_hash, data_uri_bytes, decode_image
from service.images.store.image_store import StoredImage, hash_in

_NOT_FETCHED = (
    "images are not fetched from the network; give a path relative to the feed, or name their hosts in "
    "WITHTHIS_URL_IMAGE_HOSTS"
)
_LOST = "the image is neither in the folder `images` beside the export nor in the image store"
_DAMAGED = "the image file is damaged: its bytes are not those that its name says"
EXPORTED_IMAGES = "images"
"""The folder beside an export that has its images, as `<first two characters of the key>/<key>`."""


class ImageFetcher(Protocol):
    """Fetches images from the network. Sent to worker processes, so it must be picklable."""

    def fetch(self, url: str) -> bytes:
        """The image's encoded bytes. Raises `InvalidImage` with the reason for the reject."""
        ...


class KeepsImages(Protocol):
    """An `ImageStore`, as far as feeds need it; or `DryImages`. Picklable, for worker processes."""

    def key(self, data: bytes) -> str:
        """See `ImageStore.key`."""
        ...

    def put(self, data: bytes, *, known: bool = False, decoded: DecodedImage | None = None) -> str:
        """See `ImageStore.put`."""
        ...

    def read(self, key: str) -> StoredImage:
        """See `ImageStore.read`."""
        ...

    def open(self, key: str) -> DecodedImage:
        """See `ImageStore.open`."""
        ...


@dataclass(frozen=True, slots=True)
class Task:
    """Some rows, each with the content hash under which it is probably stored, or None."""

    rows: Sequence[FeedRow]
    known: Sequence[str | None]


@dataclass(frozen=True, slots=True)
class ImageSource:
    """Where a feed's images are. Paths lead from `folder` to files below it; URLs need a `fetcher`, and keys of an
    export whose files are not beside it need `images`.
    """

    folder: Path
    limits: ImageLimits
    fetcher: ImageFetcher | None = None
    images: KeepsImages | None = None

    def read(self, row: FeedRow) -> bytes | Reject | None:
        """The encoded bytes, not yet known to be an image; None for a row without one, and a reject where they cannot
        be had.
        """
        try:
            return None if row.image is None else self._bytes(row.image)
        except _UnreadableImageError as error:
            return Reject(row.line, str(error), row.product.id, "image")
        except InvalidImage as error:
            return Reject(row.line, error.detail, row.product.id, "image")

    def _bytes(self, image: str | bytes) -> bytes:
        if isinstance(image, bytes):
            return image
        if isinstance(image, ImageKey):
            return self._exported(image)
        if is_data_uri(image):
            return data_uri_bytes(image, self.limits)
        if "://" not in image:
            return self._file(image)
        if self.fetcher is None or not image.lower().startswith(("http://", "https://")):
            raise _UnreadableImageError(_NOT_FETCHED)
        return self.fetcher.fetch(image)

    def _exported(self, key: ImageKey) -> bytes:
        name = f"{EXPORTED_IMAGES}/{key[:2]}/{key}"
        data = self._file(name) if self.images is None or (self.folder / name).exists() else self._stored(key)
        if content_hash(data) != hash_in(key):
            raise _UnreadableImageError(_DAMAGED)
        return data

    def _stored(self, key: str) -> bytes:
        assert self.images is not None
        try:
            return self.images.read(key).data
        except ImageNotFound as error:
            raise _UnreadableImageError(_LOST) from error
        except ImageDamaged as error:
            raise _UnreadableImageError(_DAMAGED) from error

    def _file(self, name: str) -> bytes:
        try:
            folder = self.folder.resolve()
            path = (folder / name).resolve()
            if not path.is_relative_to(folder):
                raise _UnreadableImageError("the image path leads out of the feed's folder")
            if not path.is_file():  # opening a pipe would wait forever
                raise _UnreadableImageError("the image file is missing or cannot be read")
            with path.open("rb") as file:
                return file.read(self.limits.max_bytes + 1)
        except (OSError, ValueError, RuntimeError) as error:  # also a NUL in the path, or links in a circle
            raise _UnreadableImageError("the image file is missing or cannot be read") from error


@dataclass(frozen=True, slots=True)
class RowImageReader:
    """Reads the images of rows. Paths lead from `folder` to files below it; URLs need a `fetcher`."""

    folder: Path
    limits: ImageLimits
    images: KeepsImages
    fetcher: ImageFetcher | None = None

    def __call__(self, task: Task) -> list[FeedRow | Reject]:
        """Each row with its image, or a reject, in order."""
        return [
            self.read(row, lambda _, content_hash, known=known: content_hash == known)  # type: ignore[misc]
            for row, known in zip(task.rows, task.known, strict=True)
        ]

    def read(self, row: FeedRow, is_known: Callable[[str, str], bool]) -> FeedRow | Reject:
        """A row whose image is in the image store; decoded unless `is_known` says yes to its key and content hash.

        Its name or bytes are no longer needed: they would only take up memory on the way.
        """
        data = ImageSource(self.folder, self.limits, self.fetcher, self.images).read(row)
        if isinstance(data, Reject):
            return data
        if data is None:
            return replace(row, content_hash=row_hash(row.product, ""))
        try:
            key = self.images.key(data)
            content_hash = row_hash(row.product, key)
            decoded = None if is_known(key, content_hash) else decode_image(data, self.limits)
        except InvalidImage as error:
            return Reject(row.line, error.detail, row.product.id, "image")
        self.images.put(data, known=decoded is None, decoded=decoded)  # even a known one: this restores a lost file
        image = decoded.image if decoded else None
        return replace(row, images=(), image_key=key, content_hash=content_hash, decoded=image)


class _UnreadableImageError(Exception):
    """An image that cannot be read; the text is the reason given for the reject."""
