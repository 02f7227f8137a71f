"""Images from outside: upload, data URI or URL."""

from __future__ import annotations

from dataclasses import dataclass

from service.errors import InvalidValue
from service.images.crop import WHOLE, Crop
from service.images.decode import DecodedImage, ImageLimits, cropped, data_uri_bytes, decode_image
from service.images.fetch.fetch import Fetcher

URL_IMAGES_OFF = (
    "Image URLs are off: this service does not fetch images. Send the image itself as a data URI or as a "
    "multipart upload, or name the hosts in WITHTHIS_URL_IMAGE_HOSTS."
)


@dataclass(frozen=True, slots=True)
class UploadedImage:
    """The encoded bytes of an image, as uploaded; not yet checked."""

    data: bytes


@dataclass(frozen=True, slots=True)
class InlineImage:
    """An image as a `data:` URI; not yet checked."""

    uri: str


@dataclass(frozen=True, slots=True)
class UrlImage:
    """The address of an image; fetched only from hosts that the settings name."""

    url: str


ImageInput = UploadedImage | InlineImage | UrlImage


class ImageLoader:
    """Reads and decodes images within limits; without a fetcher, URLs are refused."""

    def __init__(self, limits: ImageLimits, fetcher: Fetcher | None = None) -> None:
        self._limits = limits
        self._fetcher = fetcher

    def read(self, source: ImageInput) -> bytes:
        """The encoded bytes, not yet known to be an image.

        Raises:
            InvalidImage, UrlRefused: the image cannot be read.
            InvalidValue: a URL, where URLs are off.
        """
        match source:
            case UploadedImage(data):
                return data
            case InlineImage(uri):
                return data_uri_bytes(uri, self._limits)
            case UrlImage(url):
                if self._fetcher is None:
                    raise InvalidValue(URL_IMAGES_OFF)
                return self._fetcher.fetch(url)

    def decode(self, data: bytes, crop: Crop = WHOLE) -> DecodedImage:
        """The safe image in encoded bytes, or a region of it. Raises a subclass of InvalidImage."""
        return decode_image(data, self._limits, crop)

    def open(self, source: ImageInput, crop: Crop = WHOLE) -> DecodedImage:
        """Read and decode. Raises as `read` and `decode` do."""
        return self.decode(self.read(source), crop)

    def crop(self, decoded: DecodedImage, crop: Crop) -> DecodedImage:
        """A region of an image that is decoded already. Raises CropTooSmall."""
        return cropped(decoded, crop, self._limits)
