"""`/v1/products`: the catalog over HTTP."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Annotated, Any, Literal
from urllib.parse import unquote

import anyio.to_thread
from litestar import Controller, MediaType, Request, Response, delete, get, patch, put
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter
from pydantic import BaseModel

from service.catalog.products import ItemResult, ProductInput
from service.errors import UnknownProduct, WithThisError
from service.server.access.auth import ADMIN, SEARCH, WRITE
from service.server.admission import Admission
from service.server.bulkheads import Bulkheads
from service.server.catalog import Catalog
from service.server.defaults import RequestDefaults
from service.server.mapping.product_bodies import put_out, stored_out
from service.server.mapping.search_response import product_out
from service.server.openapi import form, of_catalog, reference, takes, upload
from service.server.requests.body import read_json
from service.server.requests.body_guard import incoming_body
from service.server.requests.cursor import from_cursor, to_cursor
from service.server.requests.filter_parameter import FilterParameter, filter_of
from service.server.requests.parameters import known_parameters_only
from service.server.requests.product_input import (
    MAX_PRODUCT_TOKENS,
    NDJSON,
    Item,
    item_of_line,
    read_one,
    read_product_lines,
)
from service.server.routes.deletions import delete_products
from service.wire.products import DeletionOut, ProductBody, ProductPageOut, ProductPatch, PutOut, StoredProductOut

MAX_PAGE = 500
ProductId = Annotated[str, PathParameter(description="the product's id", max_length=257)]
_SENT = re.compile(rb"/v1(?:/catalogs/[^/]+)?/products/(.*)", re.DOTALL)
_STORE = (503, "the store does not answer")
_UNKNOWN = (404, "no product has this id")
_READ = (
    (400, "the request is not valid"),
    (408, "the body arrived too slowly"),
    (413, "the body or an image is too large"),
)


class ProductController(Controller):
    """Products of the catalog."""

    path = "/products"
    tags = ("products",)
    opt = WRITE
    guards = (known_parameters_only,)

    @put(
        status_code=200,
        operation_class=takes(
            {
                "application/json": ProductBody,
                NDJSON: ProductBody,
                "multipart/form-data": form(image=upload(), product=reference(ProductBody)),
            }
        ),
        summary="Create or replace products",
        responses=of_catalog(*_READ, (415, "another content type"), (422, "the image cannot be used"), _STORE),
    )
    async def put_products(
        self,
        request: Request[Any, Any, Any],
        parts: NamedDependency[Catalog],
        defaults: NamedDependency[RequestDefaults],
        bulkheads: NamedDependency[Bulkheads],
    ) -> Response[PutOut]:
        """One product, an array of products, one per line (NDJSON), or multipart with the images as files.

        Lines are stored as they arrive: if a stream is refused midway, `processed` says how many were handled.

        Sending the same product again changes nothing. In arrays and lines, a product that cannot be stored is reported
        with its error, and the others are stored; for a single product, the response is the error itself.
        """
        if request.content_type[0] == NDJSON:
            return await _report(await _put_lines(read_product_lines(request, defaults), parts, bulkheads.write))
        given = await read_one(request, defaults.max_body_bytes)
        items = given if isinstance(given, list) else [given]
        results = await bulkheads.write.run(partial(_store, parts, items))
        if not isinstance(given, list) and results[0].error is not None:
            raise results[0].error
        return await _report(results)

    @get(
        opt=SEARCH,
        summary="List products",
        responses=of_catalog((400, "the filter, limit or cursor is not valid"), _STORE),
    )
    async def list_products(
        self,
        request: Request[Any, Any, Any],
        *,
        parts: NamedDependency[Catalog],
        bulkheads: NamedDependency[Bulkheads],
        filter: FilterParameter = None,
        limit: Annotated[int, QueryParameter(ge=1, le=MAX_PAGE, description="products per answer")] = 50,
        cursor: Annotated[str | None, QueryParameter(description="next_cursor of the previous answer")] = None,
    ) -> Response[ProductPageOut]:
        """Products ordered by id, optionally filtered; page by page with `cursor`."""
        wanted = filter_of(filter)
        after = from_cursor(cursor) if cursor else ""

        def page() -> bytes:
            found, end = parts.ready().products.page(after=after, limit=limit, filter=wanted)
            shown = [product_out(product, parts.path) for product in found]
            return _json(ProductPageOut(products=shown, next_cursor=to_cursor(end) if end else None))

        raw = await bulkheads.catalog.run(page)
        incoming_body(request).hold(len(raw))
        return _written(raw)

    @delete(
        opt=ADMIN,
        status_code=200,
        summary="Delete all products",
        responses=of_catalog((400, "confirm is missing, or another one"), _STORE),
    )
    async def delete_all_products(
        self,
        *,
        parts: NamedDependency[Catalog],
        bulkheads: NamedDependency[Bulkheads],
        confirm: Annotated[Literal["all-products"], QueryParameter(description="that every product is meant")],
        dry_run: Annotated[bool, QueryParameter(description="only count them")] = False,
    ) -> DeletionOut:
        """At most 10,000 products a request: send it again until it is `complete`. Images stay for `withthis gc`."""
        return await delete_products(parts, bulkheads, None, dry_run=dry_run)

    @get("/{product_id:path}", opt=SEARCH, summary="Get a product", responses=of_catalog(_UNKNOWN, _STORE))
    async def get_product(
        self,
        request: Request[Any, Any, Any],
        parts: NamedDependency[Catalog],
        bulkheads: NamedDependency[Bulkheads],
        product_id: ProductId,
    ) -> StoredProductOut:
        """A product and all its images."""
        id = _id(request, product_id)
        return stored_out(await bulkheads.catalog.run(lambda: parts.ready().products.get(id)), parts.path)

    @patch(
        "/{product_id:path}",
        operation_class=takes({"application/json": ProductPatch, "application/merge-patch+json": ProductPatch}),
        summary="Update fields of a product",
        responses=of_catalog(*_READ, (415, "not JSON"), _UNKNOWN, _STORE),
    )
    async def patch_product(
        self,
        request: Request[Any, Any, Any],
        parts: NamedDependency[Catalog],
        defaults: NamedDependency[RequestDefaults],
        bulkheads: NamedDependency[Bulkheads],
        product_id: ProductId,
    ) -> StoredProductOut:
        """Title, category, price and attributes; images stay. Fields that embeddings are made of are encoded again."""
        body = await read_json(request, ProductPatch, defaults.max_body_bytes, max_tokens=MAX_PRODUCT_TOKENS)
        changes, id = body.model_dump(exclude_unset=True), _id(request, product_id)
        return stored_out(await bulkheads.write.run(lambda: parts.ready().products.patch(id, changes)), parts.path)

    @delete("/{product_id:path}", status_code=204, summary="Delete a product", responses=of_catalog(_UNKNOWN, _STORE))
    async def delete_product(
        self,
        request: Request[Any, Any, Any],
        parts: NamedDependency[Catalog],
        bulkheads: NamedDependency[Bulkheads],
        product_id: ProductId,
    ) -> None:
        """Deletes all rows of a product. Its images stay until `withthis gc` runs."""
        id = _id(request, product_id)
        if not await bulkheads.write.run(lambda: parts.ready().products.delete([id])):
            raise UnknownProduct


def _id(request: Request[Any, Any, Any], path: str) -> str:
    """The id as it was sent. Ids may hold slashes, so they are taken as a path, which begins with one; in it, routing
    has made double slashes single and dropped the last.
    """
    found = _SENT.search(request.scope.get("raw_path") or b"")
    return unquote(found[1].decode("latin-1")) if found else path.removeprefix("/")


async def _report(results: Sequence[ItemResult]) -> Response[PutOut]:
    return _written(await anyio.to_thread.run_sync(lambda: _json(put_out(results))))


def _json(answer: BaseModel) -> bytes:
    """An answer about many products has megabytes, so it is written in a thread."""
    return answer.model_dump_json().encode()


def _written(raw: bytes) -> Response[Any]:
    return Response(raw, media_type=MediaType.JSON)


async def _put_lines(batches: AsyncIterator[list[bytes]], parts: Catalog, room: Admission) -> list[ItemResult]:
    """Store products while their lines come. An error says how many have been processed."""
    results: list[ItemResult] = []
    try:
        async for lines in batches:
            results += await room.run(partial(_store_lines, parts, lines))
    except WithThisError as error:
        error.extensions = {**error.extensions, "processed": len(results)}
        raise
    return results


def _store_lines(parts: Catalog, lines: Sequence[bytes]) -> list[ItemResult]:
    return _store(parts, [item_of_line(line) for line in lines])


def _store(parts: Catalog, items: Sequence[Item]) -> list[ItemResult]:
    """Store the valid ones; the results are in the order of all."""
    stored = iter(parts.ready().products.put([item for item in items if isinstance(item, ProductInput)]))
    return [next(stored) if isinstance(item, ProductInput) else item for item in items]
