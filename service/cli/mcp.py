"""`withthis mcp`: the tools for agents over standard input and output, answered by a running service."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Annotated

import anyio
import typer

from service.cli.catalog_option import InCatalog, start_in
from service.cli.client import told
from service.client import AsyncClient
from service.client.call import Call, into
from service.errors import ConfigurationError
from service.server.mcp import NO_MCP
from service.settings import Settings
from service.support.version import package_version
from service.wire.catalogs import DEFAULT_CATALOG
from service.wire.products import StoredProductOut
from service.wire.search import SearchBody, SearchOut

Url = Annotated[str, typer.Option(help="The service that answers; WITHTHIS_CLIENT_KEY is its key.")]


def mcp(url: Url = "http://127.0.0.1:8000", catalog: InCatalog = DEFAULT_CATALOG) -> None:
    """Serve tools for agents (MCP) on standard input and output, for programs that start their servers themselves."""
    settings = start_in(catalog, url)
    try:
        from mcp.server.stdio import stdio_server  # noqa: PLC0415 (an extra)

        from service.server.mcp.protocol import new_server  # noqa: PLC0415 (an extra)
    except ImportError as error:
        raise ConfigurationError(NO_MCP) from error

    async def run() -> None:
        async with AsyncExitStack() as opened:
            shop = RemoteShop(url, await opened.enter_async_context(new_client(url, settings, catalog)))
            server = new_server(package_version(), lambda _: shop)
            read, write = await opened.enter_async_context(stdio_server())
            await server.run(read, write, server.create_initialization_options())

    anyio.run(run)


def new_client(url: str, settings: Settings, catalog: str = DEFAULT_CATALOG) -> AsyncClient:
    """The client of the service. Raises ServiceError."""
    key = settings.server.client_key
    with told():
        return AsyncClient(url, api_key=key.get_secret_value() if key else None, catalog=catalog)


class RemoteShop:
    """A catalog of a running service as the tools see it. Methods raise ServiceError."""

    def __init__(self, base_url: str, client: AsyncClient) -> None:
        self.base_url = base_url
        self._client = client

    async def search(self, body: SearchBody) -> SearchOut:
        """As `POST /v1/search`."""
        fields = body.model_dump(mode="json", by_alias=True, exclude_unset=True)
        with told():
            return await self._client.send(Call("POST", "/v1/search", into(SearchOut), options={"json": fields}))

    async def get(self, product_id: str) -> StoredProductOut:
        """As `GET /v1/products/{id}`."""
        with told():
            return await self._client.get_product(product_id)
