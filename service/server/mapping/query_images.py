"""The images of a search request: from JSON, and the part of a form, to the pipeline's types."""

from __future__ import annotations

from service.errors import InvalidInput, InvalidValue
from service.images.crop import Crop
from service.images.sources import InlineImage, UploadedImage, UrlImage
from service.search.types import CroppedImage, ImageSource, ProductImage, WeightedImage, WholeImage
from service.wire.query_images import CropBody, ImageBody
from service.wire.search import SearchBody

ONE_IMAGE = "Give exactly one of {where}.data, {where}.url and {where}.product_id."
TWO_IMAGES = "The image was given twice. Send either the part named image or the field image of query, not both."
ONE_OR_SEVERAL = "A query has one image (image, or the part named image) or several (images), not both."
OUTSIDE = "The crop must lie within the image: x + width and y + height are at most 1."
_SLACK = 1e-6
"""Decimal shares that add up to 1 need not do so in binary."""


def one_image(body: SearchBody, upload: UploadedImage | None) -> ImageSource | None:
    """The image of a query that has one, or None. Raises InvalidInput."""
    if body.image is None:
        return upload
    return to_source(body.image, "image", upload)


def several_images(body: SearchBody, upload: UploadedImage | None) -> tuple[WeightedImage, ...]:
    """The images of a query that has several. Raises InvalidInput."""
    if body.images and (body.image is not None or upload is not None):
        raise InvalidInput(ONE_OR_SEVERAL)
    return tuple(
        WeightedImage(to_source(image, f"images/{place}"), image.weight) for place, image in enumerate(body.images)
    )


def to_source(image: ImageBody, where: str, upload: UploadedImage | None = None) -> ImageSource:
    """The image in a field, which is at `where` of the body; `upload` if it has none itself.

    Raises InvalidInput, which says where.
    """
    named = _named(image)
    if upload is not None and named:
        raise InvalidInput(TWO_IMAGES)
    if upload is not None:
        named = [upload]
    if len(named) != 1:
        raise _invalid(ONE_IMAGE.format(where=where.partition("/")[0]), where)
    return named[0] if image.crop is None else cropped_source(named[0], image.crop, where)


def cropped_source(source: WholeImage, crop: CropBody, where: str = "image") -> CroppedImage:
    """A region of an image. Raises InvalidValue for one that is not within it."""
    if max(crop.x + crop.width, crop.y + crop.height) > 1 + _SLACK:
        raise _invalid(OUTSIDE, f"{where}/crop")
    return CroppedImage(source, Crop(crop.x, crop.y, crop.width, crop.height))


def _named(image: ImageBody) -> list[WholeImage]:
    found: list[WholeImage] = []
    if image.data is not None:
        found.append(InlineImage(image.data))
    if image.url is not None:
        found.append(UrlImage(image.url))
    if image.product_id is not None:
        found.append(ProductImage(image.product_id))
    return found


def _invalid(detail: str, where: str) -> InvalidValue:
    return InvalidValue(detail, errors=[{"pointer": f"/{where}", "detail": detail}])
