"""Images as callers pass them, and as the service accepts them."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from service.client import pil_images

NOT_AN_IMAGE = (
    "An image is a Path, bytes, a PIL image, a data: URI, an http(s) address, or a mapping such as "
    '{"product_id": "P1"}. For a file give a Path, so that untrusted text is never taken for a file name.'
)
_SIGNATURES = ((b"\xff\xd8\xff", "jpeg"), (b"\x89PNG\r\n\x1a\n", "png"), (b"RIFF", "webp"))


@runtime_checkable
class Saves(Protocol):
    """A PIL image, as a protocol, so that Pillow is not imported."""

    def save(self, fp: Any, format: str | None = None) -> None:
        """Write the image into a file."""
        ...


Encoded = os.PathLike[str] | bytes | Saves
"""A local image: a file, its bytes, or a PIL image."""

AnyImage = Encoded | str | Mapping[str, Any]
"""Or a remote one: a data URI, a URL, or a mapping as the service takes it: `{"product_id": …}`, or
`{"data": Path("street.jpg"), "crop": {"x": 0.1, "y": 0.2, "width": 0.5, "height": 0.5}}`."""

Content = str | Encoded | Mapping[str, Any]
"""A text, an image, `{"text": …, "image": …}` with both, or `{"content": […]}` with parts as OpenAI has them."""


def encoded(image: Encoded) -> bytes:
    """The bytes of a local image. Raises OSError for a file that cannot be read."""
    if isinstance(image, bytes | bytearray):
        return bytes(image)
    if isinstance(image, os.PathLike):
        return Path(image).read_bytes()
    return pil_images.encode(image)


def data_uri(image: Encoded) -> str:
    """A local image as a `data:` URI."""
    data = encoded(image)
    kind = next((kind for signature, kind in _SIGNATURES if data.startswith(signature)), "png")
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def reference(image: AnyImage) -> dict[str, Any]:
    """An image, as the field `image` has it. Raises ValueError for any other text, and as `encoded`."""
    if isinstance(image, Mapping):
        data = image.get("data")
        return dict(image) if data is None or isinstance(data, str) else {**image, "data": data_uri(data)}
    if not isinstance(image, str):
        return {"data": data_uri(image)}
    if image[:5].lower() == "data:":
        return {"data": image}
    if image.lower().startswith(("http://", "https://")):
        return {"url": image}
    raise ValueError(NOT_AN_IMAGE)


def content_json(content: Content) -> Any:
    """A text or image as `/v1/rerank` and `/v1/embeddings` take it."""
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping):
        image = content.get("image")
        return dict(content) if image is None or isinstance(image, str) else {**content, "image": data_uri(image)}
    return {"image": data_uri(content)}
