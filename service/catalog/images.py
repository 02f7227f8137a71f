"""The catalogue's pictures, as files named by the hash of their content."""

import io
import os
import re
import tempfile
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from service.errors import ImageNotFound, StoreUnavailable
from service.media.decode import DecodedImage, ImageLimits, content_hash, decode_image, sniff_format

THUMBNAIL_SIDES = (128, 256, 512)
_KEY = re.compile(r"[0-9a-f]{64}\.(jpeg|png|webp)")
_THUMBNAIL_QUALITY = 85


@dataclass(frozen=True, slots=True)
class StoredImage:
    """Encoded bytes and their media type, ready to be sent."""

    data: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep deleted: pictures, files (pictures, thumbnails, remains of crashes), and their bytes."""

    pictures: int
    files: int
    bytes: int


class ImageStore:
    """A folder of pictures, two levels deep, never changed once written.

    Keys are ``<sha-256 of the bytes>.<jpeg|png|webp>``; anything else is refused before it gets near a path. Files
    appear by renaming, so a reader sees a whole picture or none, and several processes may write at once.
    """

    def __init__(self, root: Path, limits: ImageLimits | None = None) -> None:
        """``limits`` apply when pictures are decoded; the folder is made on the first write."""
        self._root = root
        self._limits = limits or ImageLimits()

    @staticmethod
    def key(data: bytes) -> str:
        """The key of these bytes. Raises an :class:`~service.errors.InvalidImage` if they are no picture."""
        return f"{content_hash(data)}.{sniff_format(data)}"

    def put(self, data: bytes) -> str:
        """Keep encoded bytes; the key. The same bytes are kept once. Decoding them first is the caller's part."""
        key = self.key(data)
        path = self._path(key)
        try:
            os.utime(path)  # keeps it from being swept before its row is written
        except OSError:
            _write_whole(path, data)
        return key

    def read(self, key: str) -> StoredImage:
        """The bytes as they were put in. Raises :class:`~service.errors.ImageNotFound`."""
        return StoredImage(_read(self._path(key)), f"image/{key.rpartition('.')[2]}")

    def open(self, key: str) -> DecodedImage:
        """The decoded picture. Raises ImageNotFound, or InvalidImage if the file was damaged since."""
        return decode_image(self.read(key).data, self._limits)

    def thumbnail(self, key: str, side: int) -> StoredImage:
        """A JPEG that fits ``side`` x ``side`` pixels, made once and kept.

        ``side`` is one of ``THUMBNAIL_SIDES`` (others would let a caller fill the disk): ValueError.
        """
        if side not in THUMBNAIL_SIDES:
            raise ValueError(f"side must be one of {THUMBNAIL_SIDES}")
        original = self._path(key)
        path = self._root / f"thumbnails-{side}" / key[:2] / f"{key.partition('.')[0]}.jpeg"
        if not path.exists():
            image = decode_image(_read(original), self._limits).image
            _write_whole(path, _thumbnail(image, side))
        return StoredImage(_read(path), "image/jpeg")

    def sweep(self, used: Set[str], *, older_than: float, dry_run: bool = False) -> Swept:
        """Delete pictures whose key is not ``used`` and that were put before ``older_than`` (Unix time, seconds).

        Thumbnails go with their pictures. Raises :class:`~service.errors.StoreUnavailable` if a file cannot be deleted.
        """
        names = {key.partition(".")[0] for key in used}
        found = (path for path in sorted(self._root.glob("*/*/*")) if path.name.partition(".")[0] not in names)
        try:
            sizes = [(path, path.stat()) for path in found]
            doomed = [(path, status.st_size) for path, status in sizes if status.st_mtime < older_than]
            for path, _ in doomed if not dry_run else ():
                path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreUnavailable("The picture folder cannot be read or written. Check its permissions.") from error
        pictures = sum(path.parts[-3] == "originals" and bool(_KEY.fullmatch(path.name)) for path, _ in doomed)
        return Swept(pictures, len(doomed), sum(size for _, size in doomed))

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ImageNotFound
        return self._root / "originals" / key[:2] / key


def _thumbnail(image: Image.Image, side: int) -> bytes:
    image.thumbnail((side, side))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_THUMBNAIL_QUALITY, optimize=True)
    return buffer.getvalue()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ImageNotFound from error


def _write_whole(path: Path, data: bytes) -> None:
    """Write beside the target, then rename: a crash leaves no half picture under a valid key."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StoreUnavailable("The picture folder cannot be written. Check its disk space and permissions.") from error
