"""The JSON of `/v1/products`. Unknown fields are refused, never ignored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from service.catalog.products import ItemResult, Outcome, ProductInput, StoredProduct
from service.errors import InvalidValue
from service.images.sources import ImageInput
from service.product import AttributeMap, AttributeValue, CategoryText, IdText, Price, Product, TitleText, normal_text
from service.search.types import InlineImage, UrlImage
from service.wire.search import ProductOut, product_out

MAX_PICTURES = 32
ONE_PICTURE = "Give exactly one of data and url for each picture."


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


def to_input(body: ProductBody, uploads: Sequence[ImageInput] = ()) -> ProductInput:
    """What the catalog understands. Raises InvalidValue if an image is given in both ways or in none."""
    fields = {name: getattr(body, name) for name in ("id", "title", "category", "price", "attributes")}
    named = [_source(picture) for picture in body.images or ()]
    pictures = [*uploads, *named]
    return ProductInput(Product(**fields, image_key=""), pictures or None)


def _source(picture: PictureBody) -> ImageInput:
    if picture.data is not None and picture.url is None:
        return InlineImage(picture.data)
    if picture.url is not None and picture.data is None:
        return UrlImage(picture.url)
    raise InvalidValue(ONE_PICTURE)


def stored_out(stored: StoredProduct) -> StoredProductOut:
    """The JSON of a stored product."""
    return StoredProductOut(
        **product_out(stored.product).model_dump(),
        image_urls=[f"/v1/images/{key}" for key in stored.image_keys if key],
        updated_at=stored.updated_at,
        warnings=list(stored.warnings),
    )


def put_out(results: Sequence[ItemResult]) -> PutOut:
    """The JSON of what became of products."""
    items = [
        ItemOut(id=result.id, status=result.outcome, error=result.error.problem() if result.error else None)
        for result in results
    ]
    counts = {outcome.value: sum(result.outcome is outcome for result in results) for outcome in Outcome}
    return PutOut(results=items, **counts)
