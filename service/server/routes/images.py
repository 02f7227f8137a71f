"""`GET /v1/images/{key}`: the images of the catalog."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import PathParameter, QueryParameter

from service.images.store.image_store import ImageStore, ThumbnailSide
from service.server.access.auth import IMAGES
from service.server.bulkheads import Bulkheads
from service.server.catalog import Catalog
from service.server.openapi import of_catalog
from service.server.requests.body_guard import incoming_body
from service.server.requests.parameters import known_parameters_only

FOREVER = "public, max-age=31536000, immutable"
"""A key is the hash of its content, so what it names can never change."""

_UNCHANGED = {304: ResponseSpec(None, description="the image is the one named in If-None-Match")}


class ImageController(Controller):
    """Catalog images."""

    path = "/images"
    tags = ("images",)
    opt = IMAGES
    guards = (known_parameters_only,)

    @get(
        "/{key:str}",
        summary="Get an image of the catalog",
        media_type="image/*",
        responses=_UNCHANGED
        | of_catalog(
            (400, "the size is not offered"),
            (404, "no image has this key"),
            (422, "the stored image exceeds the current limits"),
            (503, "the image store does not answer, or the stored file is damaged"),
        ),
    )
    async def image(
        self,
        request: Request[Any, Any, Any],
        parts: NamedDependency[Catalog],
        bulkheads: NamedDependency[Bulkheads],
        key: Annotated[str, PathParameter(description="from a product's image_url")],
        size: Annotated[
            ThumbnailSide | None, QueryParameter(description="a JPEG of at most this many pixels in each direction")
        ] = None,
    ) -> Response[bytes]:
        """The image's bytes as they were indexed, or a thumbnail of it. Both may be cached forever."""
        headers = {"Cache-Control": FOREVER, "ETag": f'"{key}"' if size is None else f'"{key}-{size}"'}
        if ImageStore.is_key(key) and headers["ETag"] in _entity_tags(request):
            return Response(b"", status_code=304, headers=headers)
        read = partial(parts.images.read, key) if size is None else partial(parts.images.thumbnail, key, size)
        image = await bulkheads.images.run(read)
        incoming_body(request).hold(len(image.data))
        return Response(image.data, media_type=image.media_type, headers=headers)


def _entity_tags(request: Request[Any, Any, Any]) -> list[str]:
    """The tags in If-None-Match, compared weakly as RFC 9110 13.1.2 asks for."""
    given = request.headers.get("If-None-Match", "")
    return [tag.strip().removeprefix("W/") for tag in given.split(",")]
