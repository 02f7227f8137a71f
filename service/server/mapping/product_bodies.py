"""Products: from JSON to the catalog's types, and back."""

from __future__ import annotations

from collections.abc import Sequence

from service.catalog.products import ItemResult, Outcome, ProductInput, StoredProduct
from service.errors import InvalidValue
from service.images.sources import ImageInput, InlineImage, UrlImage
from service.product import Product
from service.server.mapping.search_response import image_url, product_out
from service.wire.products import ItemOut, PictureBody, ProductBody, PutOut, StoredProductOut

ONE_IMAGE = "Give exactly one of data and url for each image."


def to_input(body: ProductBody, uploads: Sequence[ImageInput] = ()) -> ProductInput:
    """The catalog's input. Raises InvalidValue if an image is given in both ways or in none."""
    named = [_source(image) for image in body.images or ()]
    images = [*uploads, *named]
    product = Product(
        id=body.id,
        title=body.title,
        category=body.category,
        price=body.price,
        attributes=body.attributes,
        image_key="",
    )
    return ProductInput(product, images or None)


def _source(image: PictureBody) -> ImageInput:
    if image.data is not None and image.url is None:
        return InlineImage(image.data)
    if image.url is not None and image.data is None:
        return UrlImage(image.url)
    raise InvalidValue(ONE_IMAGE)


def stored_out(stored: StoredProduct, path: str) -> StoredProductOut:
    """The JSON of a stored product; `path`: that of its catalog."""
    return StoredProductOut(
        **product_out(stored.product, path).model_dump(),
        image_urls=[url for key in stored.image_keys if (url := image_url(key, path))],
        updated_at=stored.updated_at,
        warnings=list(stored.warnings),
    )


def put_out(results: Sequence[ItemResult]) -> PutOut:
    """The JSON of the outcome for products."""
    items = [
        ItemOut(id=result.id, status=result.outcome, error=result.error.problem() if result.error else None)
        for result in results
    ]
    counts = {outcome.value: sum(result.outcome is outcome for result in results) for outcome in Outcome}
    return PutOut(results=items, **counts)
