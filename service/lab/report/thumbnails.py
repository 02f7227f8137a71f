"""The report's thumbnails, each in the file once, however often it is shown."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping

from service.errors import InvalidImage
from service.lab.dataset_image import ImageRef

SIDE = 120
_QUALITY = 62


class Thumbnails:
    """Names images for the style sheet, which holds each as a data URI."""

    def __init__(self) -> None:
        self._names: dict[ImageRef, str] = {}
        self._uris: dict[str, str] = {}

    def name(self, ref: ImageRef | None) -> str | None:
        """The class that shows an image; None if there is none, or none that can be read any more."""
        if ref is None:
            return None
        if ref not in self._names:
            uri = _data_uri(ref)
            self._names[ref] = f"p{len(self._uris)}" if uri else ""
            if uri:
                self._uris[self._names[ref]] = uri
        return self._names[ref] or None

    @property
    def uris(self) -> Mapping[str, str]:
        """Data URIs by class."""
        return self._uris


def _data_uri(ref: ImageRef) -> str | None:
    try:
        image = ref.open().image
    except InvalidImage:
        return None
    image.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=_QUALITY, method=6)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
