"""The JSON of `/v1/products`. Unknown fields are refused, never ignored."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field

from service.product import AttributeMap, AttributeValue, CategoryText, IdText, Price, TitleText, normal_text
from service.stores.filters import Filter
from service.wire.search import ProductOut
from service.wire.strict_model import StrictModel

MAX_IMAGES = 32


def _normal_names(changes: dict[str, AttributeValue | None]) -> dict[str, AttributeValue | None]:
    """Names in form C, as they are stored, so that null matches the attribute to remove."""
    return {normal_text(name): value for name, value in changes.items()}


class PictureBody(StrictModel):
    """One image: exactly one of the two."""

    data: str | None = Field(default=None, description="a data URI: data:image/png;base64,… (JPEG, PNG or WEBP)")
    url: str | None = Field(default=None, max_length=4096, description="a URL on a host that the service allows")


class ProductBody(StrictModel):
    """A product to store. Omitted fields are empty; if images are omitted, the stored ones are kept."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"id": "p1", "title": "Rose mug, red", "category": "mug", "price": 12.5}]}
    )

    id: IdText
    title: TitleText = ""
    category: CategoryText | None = None
    price: Price | None = None
    attributes: AttributeMap = Field(default_factory=dict)
    images: list[PictureBody] | None = Field(
        default=None, min_length=1, max_length=MAX_IMAGES, description="the first one is shown"
    )


class ProductPatch(StrictModel):
    """Changes of a product's fields (RFC 7396): null removes a value, attributes are changed one by one."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"price": 9.5, "attributes": {"color": None}}]})

    title: TitleText | None = None
    category: CategoryText | None = None
    price: Price | None = None
    attributes: Annotated[dict[str, AttributeValue | None], AfterValidator(_normal_names)] | None = None


class StoredProductOut(ProductOut):
    """A product with the URLs of all its images, and when it was last written (Unix time, milliseconds)."""

    image_urls: list[str]
    updated_at: int
    warnings: list[str] = Field(default_factory=list, description="after a PATCH: the attributes whose type changed")


class ItemOut(StrictModel):
    """The outcome for one product: `status` is created, updated, unchanged or rejected; `error` is the reason."""

    id: str | None
    status: str
    error: dict[str, Any] | None = None


class PutOut(StrictModel):
    """The outcome for each product, in the order sent, and the number of each outcome."""

    results: list[ItemOut]
    created: int
    updated: int
    unchanged: int
    rejected: int


class ProductPageOut(StrictModel):
    """A page of products; `next_cursor` leads to the next page, and is null on the last."""

    products: list[ProductOut]
    next_cursor: str | None


class DeletionBody(StrictModel):
    """Which products to delete; the filter must have a condition."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"filter": {"category": {"eq": "mug"}}, "dry_run": True}]}
    )

    filter: Filter = Field(description="conditions on category, price, title and attributes, as in a search")
    dry_run: bool = Field(default=False, description="only count the products that match")


class DeletionOut(StrictModel):
    """The products that matched, and how many of them were deleted. `complete` false: there are more; send it again."""

    matched: int
    deleted: int
    complete: bool
