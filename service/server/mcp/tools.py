"""The tools: their names, what models are told about them, and what they do with a shop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel

from service.server.mcp.shapes import (
    FoundProduct,
    FoundProducts,
    ProductDetails,
    ProductInput,
    SearchInput,
    SimilarInput,
)
from service.stores.filters import Filter
from service.wire.products import StoredProductOut
from service.wire.query_images import ImageBody
from service.wire.search import ProductOut, SearchBody, SearchOut


class Shop(Protocol):
    """A catalog that can be searched. Methods raise `WithThisError`."""

    base_url: str
    """What the addresses of images are relative to."""

    async def search(self, body: SearchBody) -> SearchOut:
        """Search as `POST /v1/search` does."""
        ...

    async def get(self, product_id: str) -> StoredProductOut:
        """A product with all its images."""
        ...


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool. `run` takes a valid `takes`, and gives a `gives`."""

    name: str
    title: str
    description: str
    takes: type[BaseModel]
    gives: type[BaseModel]
    run: Callable[[Shop, Any], Awaitable[BaseModel]]


async def _search(shop: Shop, given: BaseModel) -> FoundProducts:
    return await _found(shop, SearchBody(**{name: getattr(given, name) for name in given.model_fields_set}))


async def _similar(shop: Shop, given: SimilarInput) -> FoundProducts:
    others = Filter.model_validate({"not": {"id": {"eq": given.product_id}}})
    filter = others if given.filter is None else Filter.model_validate({"and": [given.filter, others]})
    image = ImageBody(product_id=given.product_id)
    return await _found(shop, SearchBody(text=given.text, image=image, filter=filter, limit=given.limit))


async def _get(shop: Shop, given: ProductInput) -> ProductDetails:
    found = (await shop.get(given.product_id)).model_dump()
    urls = {
        "image_url": _whole(shop, found["image_url"]),
        "image_urls": [_whole(shop, url) for url in found["image_urls"]],
    }
    return ProductDetails(**{**found, **urls})


async def _found(shop: Shop, body: SearchBody) -> FoundProducts:
    out = await shop.search(body)
    results = [
        FoundProduct(rank=one.rank, product=_shown(shop, one.product), similarity=one.scores.retrieval)
        for one in out.results
    ]
    return FoundProducts(
        search_id=out.id,
        caption=out.query.caption,
        reason=out.rerank.reason,
        results=results,
        facets=out.facets.model_dump(mode="json") if out.facets is not None else None,
        notices=out.notices,
        next_cursor=out.next_cursor,
    )


def _shown(shop: Shop, product: ProductOut) -> ProductOut:
    return product.model_copy(update={"image_url": _whole(shop, product.image_url)})


def _whole(shop: Shop, address: str | None) -> str | None:
    return None if address is None else f"{shop.base_url.rstrip('/')}{address}"


TOOLS = {
    tool.name: tool
    for tool in (
        Tool(
            "search_products",
            "Search products",
            "Search the shop's catalog by a sentence, an image, or both: 'a phone case with this' and the image that "
            "'this' refers to (a data URI, a URL on an allowed host, or the id of a product). Answers products, best "
            "first. Price bounds and negations in the text are understood; `filter` is exact, such as "
            '{"price": {"lte": 30}, "attributes.color": {"eq": "red"}}.',
            SearchInput,
            FoundProducts,
            _search,
        ),
        Tool(
            "get_product",
            "Get a product",
            "All fields of a product of the catalog, and the URLs of all its images, by its id.",
            ProductInput,
            ProductDetails,
            _get,
        ),
        Tool(
            "similar_products",
            "Find similar products",
            "Products that look like a product of the catalog, without itself; with `text`, such ones that differ as "
            "it says ('this in red', 'the same as a mug').",
            SimilarInput,
            FoundProducts,
            _similar,
        ),
    )
}
