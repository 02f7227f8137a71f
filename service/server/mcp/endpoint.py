"""The tools over HTTP: the streamable transport, without sessions, so that any replica answers any request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

import anyio
from litestar.types import ASGIApp, HTTPReceiveMessage, Receive, Scope, Send
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

from service.errors import ClientGone
from service.server.connection import while_connected
from service.server.mcp.protocol import new_server
from service.server.mcp.tools import Shop

_SHOP = "withthis_shop"


class McpEndpoint:
    """Answers requests while it is `open`."""

    def __init__(self, version: str, *, max_body_bytes: int) -> None:
        server = new_server(version, lambda context: cast("Shop", cast("Any", context.request).scope[_SHOP]))
        self._manager = StreamableHTTPSessionManager(
            server, json_response=True, stateless=True, max_request_body_size=max_body_bytes
        )

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Once, for as long as the application runs."""
        async with self._manager.run():
            yield

    def answering(self, shop: Shop, body: bytes) -> ASGIApp:
        """The ASGI application that answers one request, whose body was read."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            about = cast("Any", {**scope, _SHOP: shop})
            with suppress(ClientGone):  # there is nobody left to answer
                async with while_connected(receive):
                    await self._manager.handle_request(about, _replayed(body), cast("Any", send))

        return answer


def _replayed(body: bytes) -> Any:
    """A `receive` that gives the body again, and then waits: that the client leaves is noticed elsewhere."""
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> HTTPReceiveMessage:
        message = next(messages, None)
        if message is None:
            await anyio.sleep_forever()
        return cast("HTTPReceiveMessage", message)

    return receive
