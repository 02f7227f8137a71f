"""The catalog's images, as files named by the hash of their content, and their derivatives."""

import logging
from collections.abc import Set
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Literal, cast, get_args

from PIL.Image import Image

from rerank.engines.features import FeatureForm
from rerank.lru_cache import LruCache
from service.errors import ImageDamaged, ImageNotFound
from service.images.decode import DecodedImage, ImageFormat, ImageLimits, content_hash, decode_image, sniff_format
from service.images.store.blobs import Blob, open_blobs
from service.images.store.derivatives import decode_rendition, encode_rendition, encode_thumbnail
from service.images.store.derived_files import DerivedFiles
from service.images.store.file_names import (
    KEY,
    OURS,
    derived_name,
    feature_folder,
    original_name,
    rendition_folder,
)
from service.images.store.stored_features import StoredFeatures
from service.support.single_flight import SingleFlight

logger = logging.getLogger(__name__)

ThumbnailSide = Literal[128, 256, 320, 512]
THUMBNAIL_SIDES: tuple[int, ...] = get_args(ThumbnailSide)

_TIMEOUT_S = 10.0
FEW_IMAGES = 100
"""Images that may be lost from sight at once without a question."""
_REMEMBERED = 65_536


@dataclass(frozen=True, slots=True)
class StoredImage:
    """Encoded bytes and their media type, ready to be sent."""

    data: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep deleted: images, files (images, thumbnails, remains of crashes), and their bytes."""

    images: int
    files: int
    bytes: int


class ImageStore:
    """Images in a folder or under a URL, never changed once written. Picklable, for worker processes.

    Keys are `<sha-256 of the bytes>.<jpeg|png|webp>`; anything else is refused before it gets near a path. A reader
    sees a whole image or none, and several processes may write at once. All methods but `key` raise
    `ImageStoreUnavailable` where the images cannot be read.
    """

    def __init__(
        self, location: Path | str, limits: ImageLimits | None = None, *, timeout_s: float = _TIMEOUT_S
    ) -> None:
        """A folder, made on the first write, or a URL of fsspec; `limits` apply when images are decoded.

        Raises:
            ConfigurationError: a URL that cannot be opened with what is installed.
        """
        self._blobs = open_blobs(location, timeout_s=timeout_s)
        self._limits = limits or ImageLimits()
        self._derived = DerivedFiles(self._blobs)
        self._renditions = rendition_folder(self._limits.working_side)
        self._without_rendition: LruCache[str, bool] = LruCache(_REMEMBERED)
        self._reading: SingleFlight[DecodedImage] = SingleFlight()
        self._shrinking: SingleFlight[bytes] = SingleFlight()

    @staticmethod
    def key(data: bytes) -> str:
        """The key of these bytes. Raises an `InvalidImage` if they are not an image."""
        return f"{content_hash(data)}.{sniff_format(data)}"

    @staticmethod
    def is_key(key: str) -> bool:
        """True for what may be the key of an image."""
        return KEY.fullmatch(key) is not None

    def put(self, data: bytes, *, known: bool = False, decoded: DecodedImage | None = None) -> str:
        """Keep encoded bytes; the key. The same bytes are kept once. Decoding them first is the caller's part; given
        as `decoded`, its rendition is kept, too.

        An image put again counts as new, so that no sweep takes it before its row is written, and replaces a damaged
        file. `known` says that it has a row, which spares a remote store from being sent what it has: there the
        file's size is compared, not its bytes.
        """
        key = self.key(data)
        self._blobs.put(original_name(key), data, refresh=not known)
        if decoded is not None and decoded.is_reduced and max(decoded.image.size) == self._limits.working_side:
            self._derived.keep(derived_name(self._renditions, key), encode_rendition(decoded.image))
        return key

    def read(self, key: str) -> StoredImage:
        """The bytes as they were put in, compared with the hash in their key.

        Raises `ImageNotFound`, or `ImageDamaged` for other bytes.
        """
        name = original_name(key)
        try:
            data = self._blobs.read(name)
        except FileNotFoundError as error:
            raise ImageNotFound from error
        if content_hash(data) != hash_in(key):
            logger.warning("the stored image %s is damaged: its %d bytes do not match its key", key, len(data))
            raise ImageDamaged
        return StoredImage(data, f"image/{key.rpartition('.')[2]}")

    def discard_damaged(self, key: str) -> None:
        """Delete the file of an image if it is damaged, so that the next put writes it on every kind of store."""
        try:
            self.read(key)
        except ImageDamaged:
            self._blobs.delete(original_name(key))
        except ImageNotFound:
            return

    def open(self, key: str) -> DecodedImage:
        """The decoded original. Raises ImageNotFound, ImageDamaged, or InvalidImage if the limits are others now."""
        return decode_image(self.read(key).data, self._limits)

    def rendition(self, key: str) -> DecodedImage:
        """The image at working size, for looking at it again and again: `width` and `height` are those it has here.

        Originals that had to be reduced are read from their rendition, which is made where it is missing; others are
        decoded themselves. The pixels are the same each time, and shared by those who ask at the same time: do not
        change them. Raises as `open` does.
        """
        return self._reading.run(key, partial(self._read_rendition, key))

    def thumbnail(self, key: str, side: int) -> StoredImage:
        """A JPEG that fits `side` x `side` pixels, made once and kept.

        `side` is one of `THUMBNAIL_SIDES` (others would let a caller fill the disk): ValueError.
        """
        if side not in THUMBNAIL_SIDES:
            raise ValueError(f"side must be one of {THUMBNAIL_SIDES}")
        name = derived_name(f"thumbnails-{side}", key)
        return StoredImage(self._shrinking.run(name, partial(self._read_thumbnail, name, key, side)), "image/jpeg")

    def is_reduced(self, decoded: Image) -> bool:
        """Whether a decoded original may be a reduced one, so that `rendition` gives other pixels."""
        return max(decoded.size) >= self._limits.working_side

    def features(self, form: FeatureForm) -> StoredFeatures:
        """Where the features that an engine extracts of `rendition` are stored."""
        return StoredFeatures(self._derived, feature_folder(self._limits.working_side, form.id), form)

    def holds_many(self) -> bool:
        """True for more than `FEW_IMAGES` originals."""
        originals = (blob for blob in self._blobs.list() if blob.name.startswith("originals/"))
        return next(islice(originals, FEW_IMAGES, None), None) is not None

    def sweep(
        self, used: Set[str], *, older_than: float, dry_run: bool = False, form: FeatureForm | None = None
    ) -> Swept:
        """Delete images whose key is not `used` and that were put before `older_than` (Unix time, seconds).

        What was made of an image goes with it, and renditions of other recipes and sizes go, too, as do features of
        another form than `form`. Foreign files are left alone, and so are those that were put again since the sweep
        began to look.
        """
        hashes, made = {hash_in(key) for key in used}, {self._renditions}
        if form is not None:
            made.add(feature_folder(self._limits.working_side, form.id))
        old = (blob for blob in self._blobs.list() if blob.modified < older_than)
        doomed = [blob for blob in old if _is_waste(blob, hashes, made)]
        if not dry_run:
            doomed = [blob for blob in doomed if self._blobs.delete(blob.name, older_than=older_than)]
        images = sum(bool(KEY.fullmatch(blob.name.removeprefix("originals/")[3:])) for blob in doomed)
        return Swept(images, len(doomed), sum(blob.size for blob in doomed))

    def ping(self) -> None:
        """Return if the store answers."""
        self._blobs.ping()

    def _read_rendition(self, key: str) -> DecodedImage:
        name = derived_name(self._renditions, key)
        has_none = self._without_rendition.get(key) is not None  # spares a remote store a lookup each time
        data = None if has_none else self._derived.read(name)
        if data is None:
            original = self.open(key)
            if not original.is_reduced:
                self._without_rendition.put(key, True)
                return original
            data = encode_rendition(original.image)
            self._derived.keep(name, data)
        image = decode_rendition(data)
        format = cast(ImageFormat, key.rpartition(".")[2])
        return DecodedImage(image, hash_in(key), format, *image.size)

    def _read_thumbnail(self, name: str, key: str, side: int) -> bytes:
        data = self._derived.read(name)
        if data is None:
            data = encode_thumbnail(self.rendition(key).image, side)
            self._derived.keep(name, data)
        return data


def _is_waste(blob: Blob, used_hashes: Set[str], made: Set[str]) -> bool:
    """Whether a file is ours and of no use: its image is not used, or it is not as what is `made` now."""
    ours = OURS.fullmatch(blob.name)
    if ours is None:
        return False
    folder, content_hash = ours.groups()
    is_outdated = folder.startswith(("renditions-", "features-")) and folder not in made
    return is_outdated or content_hash not in used_hashes


def hash_in(key: str) -> str:
    """The content hash in a key; empty without an image. It identifies an image wherever it comes from: in a cache,
    one that is sent as a query and one that a product has are the same.
    """
    return key.partition(".")[0]
