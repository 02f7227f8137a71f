"""`HEAD` on every route that has `GET`: the same answer without its body (RFC 9110, section 9.3.2)."""

from __future__ import annotations

from typing import cast

from litestar import Litestar
from litestar.types import LifeSpanReceive, LifeSpanScope, LifeSpanSend, Message, Receive, Scope, Send


class HeadApp(Litestar):
    """Litestar, which answers `HEAD` only where a handler names it."""

    async def __call__(
        self, scope: Scope | LifeSpanScope, receive: Receive | LifeSpanReceive, send: Send | LifeSpanSend
    ) -> None:
        """Answer `HEAD` as `GET`; it is counted as `GET`, too."""
        if scope.get("method") == "HEAD":
            scope, send = cast("Scope", {**scope, "method": "GET"}), _without_body(cast("Send", send))
        await super().__call__(scope, receive, send)


def _without_body(send: Send) -> Send:
    async def bodiless(message: Message) -> None:
        if message["type"] == "http.response.body":
            message["body"] = b""
        await send(message)

    return bodiless
