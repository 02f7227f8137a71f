"""The JSON of a query's images: where each comes from, and which part of it counts."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from service.wire.strict_model import StrictModel


class CropBody(StrictModel):
    """A region of an image as it is seen upright, in shares of its width and height; it lies within the image."""

    x: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(description="left edge")
    y: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(description="upper edge")
    width: Annotated[float, Field(gt=0.0, le=1.0)] = Field(description="width; x + width is at most 1")
    height: Annotated[float, Field(gt=0.0, le=1.0)] = Field(description="height; y + height is at most 1")


class ImageBody(StrictModel):
    """An image: exactly one of data, url and product_id, or none of them where the image is the part of a form."""

    data: str | None = Field(default=None, description="a data URI: data:image/png;base64,… (JPEG, PNG or WEBP)")
    url: str | None = Field(
        default=None, max_length=4096, description="the URL of an image, on a host that the service allows"
    )
    product_id: str | None = Field(
        default=None, min_length=1, max_length=256, description="the stored image of this product"
    )
    crop: CropBody | None = Field(default=None, description="the region that counts; the rest is not looked at")


class WeightedImageBody(ImageBody):
    """One of several images of a query."""

    weight: Annotated[float, Field(gt=0.0, le=1000.0)] = Field(
        default=1.0, description="weight of this image; only the ratios matter"
    )
