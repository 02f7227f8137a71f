"""`POST /mcp`: the tools for agents, with the keys, scopes, limits and bulkheads of `/v1/search`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from litestar import Controller, Request, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.types import ASGIApp

from service.server.access.auth import SEARCH
from service.server.mapping.product_bodies import stored_out
from service.server.requests.body import parsed, read_body, require_json
from service.server.requests.search_input import MAX_SEARCH_TOKENS
from service.server.requests.validation import check_tokens
from service.server.routes.search_halves import SearchHalves
from service.wire.products import StoredProductOut
from service.wire.search import SearchBody, SearchOut


class McpController(Controller):
    """Tools for agents."""

    path = "/mcp"
    tags = ("search",)
    opt = SEARCH
    include_in_schema = False  # its bodies are those of the protocol

    @post(status_code=200)
    async def mcp(
        self,
        request: Request[Any, Any, Any],
        *,
        state: State,
        halves: NamedDependency[SearchHalves],
    ) -> ASGIApp:
        """A message of the protocol. Bounded before it is parsed, as every body is."""
        require_json(request)
        raw = await read_body(request, halves.defaults.max_body_bytes)
        await parsed(len(raw), lambda: check_tokens(raw, MAX_SEARCH_TOKENS))
        app: ASGIApp = state.mcp.answering(CatalogShop(str(request.base_url), halves), raw)
        return app


@dataclass(frozen=True, slots=True)
class CatalogShop:
    """A catalog of this service as the tools see it."""

    base_url: str
    halves: SearchHalves

    async def search(self, body: SearchBody) -> SearchOut:
        """As `POST /v1/search`. Raises as `SearchHalves.whole`."""
        return (await self.halves.whole(self.halves.to_query(body))).out

    async def get(self, product_id: str) -> StoredProductOut:
        """As `GET /v1/products/{id}`. Raises UnknownProduct, Overloaded, StoreUnavailable."""
        parts = self.halves.parts
        found = await self.halves.bulkheads.catalog.run(lambda: parts.ready().products.get(product_id))
        return stored_out(found, parts.path)
