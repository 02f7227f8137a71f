"""What the tools take and answer. Their fields are bounded as those of `/v1/search`."""

from __future__ import annotations

from typing import Annotated, Any, cast

from pydantic import BaseModel, Field, create_model

from service.product import IdText
from service.stores.filters import Filter
from service.wire.products import StoredProductOut
from service.wire.search import ProductOut, SearchBody
from service.wire.strict_model import StrictModel

SEARCH_FIELDS = ("text", "image", "filter", "limit", "min_score", "negative_text", "sort", "facets", "cursor")
"""Fields of a search that an agent may set; the others are as the service is set."""


SearchInput = cast(
    "type[BaseModel]",
    create_model(
        "SearchInput",
        __base__=StrictModel,
        __doc__=None,
        **{name: (SearchBody.model_fields[name].annotation, SearchBody.model_fields[name]) for name in SEARCH_FIELDS},  # type: ignore[call-overload]
    ),
)


class ProductInput(StrictModel):
    """The product to get."""

    product_id: IdText = Field(description="the id of a product, as in results")


class SimilarInput(ProductInput):
    """The product whose image is the query."""

    text: str | None = Field(default=None, description="how the products should differ, e.g. 'this in red'")
    filter: Filter | None = Field(default=None, description="conditions on category, price, title and attributes")
    limit: Annotated[int, Field(ge=1)] | None = Field(default=None, description="number of products to return")


class FoundProduct(StrictModel):
    """A result: its place, the product with the URL of its image, and its cosine similarity to the query."""

    rank: int
    product: ProductOut
    similarity: float


class FoundProducts(StrictModel):
    """The results, best first. `caption`: what the query image shows; `reason`: why the first is first.

    `search_id` is for feedback, `next_cursor` for the next page.
    """

    search_id: str
    caption: str | None
    reason: str | None
    results: list[FoundProduct]
    facets: dict[str, Any] | None
    notices: list[str]
    next_cursor: str | None


class ProductDetails(StoredProductOut):
    """A product with the URLs of all its images."""
