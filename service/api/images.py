"""`GET /v1/images/{key}`: the pictures of the catalogue."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

import anyio.to_thread
from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from service.api.auth import IMAGES
from service.api.openapi import protected
from service.parts import Parts

FOREVER = "public, max-age=31536000, immutable"
"""A key is the hash of its content, so what it names can never change."""


Size = Literal[128, 256, 512]


class ImageController(Controller):
    """Catalogue pictures."""

    path = "/v1/images"
    tags = ("images",)
    opt = IMAGES

    @get(
        "/{key:str}",
        summary="A picture of the catalogue",
        media_type="image/*",
        responses=protected((400, "the size is not one of those offered"), (404, "no picture has this key")),
    )
    async def image(
        self,
        parts: NamedDependency[Parts],
        key: Annotated[str, PathParameter(description="from a product's image_url")],
        size: Annotated[
            Size | None, QueryParameter(description="a JPEG that fits so many pixels in each direction")
        ] = None,
    ) -> Response[bytes]:
        """The picture's bytes as they were indexed, or a thumbnail of it."""
        read = partial(parts.images.read, key) if size is None else partial(parts.images.thumbnail, key, size)
        picture = await anyio.to_thread.run_sync(read)
        headers = {"Cache-Control": FOREVER}
        return Response(picture.data, media_type=picture.media_type, headers=headers)
