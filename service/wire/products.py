"""The JSON of `/v1/products`. Unknown fields are refused, never ignored."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from service.product import AttributeMap, AttributeValue, CategoryText, IdText, Price, TitleText, normal_text
from service.wire.search import ProductOut

MAX_PICTURES = 32


def _normal_names(changes: dict[str, AttributeValue | None]) -> dict[str, AttributeValue | None]:
    """Names in form C, as they are stored, so that null finds what it is to remove."""
    return {normal_text(name): value for name, value in changes.items()}


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class PictureBody(_Body):
    """One image: exactly one of the two."""

    data: str | None = Field(default=None, description="a data URI: data:image/png;base64,… (JPEG, PNG or WEBP)")
    url: str | None = Field(default=None, max_length=4096, description="an address on a host that the service allows")


class ProductBody(_Body):
    """A product to be stored. What is left out is empty; images left out are kept as they are stored."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"id": "p1", "title": "Rose mug, red", "category": "mug", "price": 12.5}]}
    )

    id: IdText
    title: TitleText = ""
    category: CategoryText | None = None
    price: Price | None = None
    attributes: AttributeMap = Field(default_factory=dict)
    images: list[PictureBody] | None = Field(
        default=None, min_length=1, max_length=MAX_PICTURES, description="the first one is shown"
    )


class ProductPatch(_Body):
    """Changes of a product's fields (RFC 7396): null removes a value, attributes are changed one by one."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"price": 9.5, "attributes": {"color": None}}]})

    title: TitleText | None = None
    category: CategoryText | None = None
    price: Price | None = None
    attributes: Annotated[dict[str, AttributeValue | None], AfterValidator(_normal_names)] | None = None


class StoredProductOut(ProductOut):
    """A product with the addresses of all its images, and when it was last written (Unix time, milliseconds)."""

    image_urls: list[str]
    updated_at: int
    warnings: list[str] = Field(
        default_factory=list, description="after a PATCH: the attributes that have another type than before"
    )


class ItemOut(_Body):
    """What became of one product: `status` is created, updated, unchanged or rejected; `error` says why rejected."""

    id: str | None
    status: str
    error: dict[str, Any] | None = None


class PutOut(_Body):
    """What became of each product, in the order they were sent, and how many fared how."""

    results: list[ItemOut]
    created: int
    updated: int
    unchanged: int
    rejected: int


class ProductPageOut(_Body):
    """Some products; `next_cursor` gives the next ones, and is null at the end."""

    products: list[ProductOut]
    next_cursor: str | None
