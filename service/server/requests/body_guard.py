"""Bounds every request body before it is processed: in time while it arrives, and in memory over all requests together.

Outgoing images share that memory, until their client has received them.

A body may be waited for as Apache's `mod_reqtimeout` has it (`body=TIMEOUT,MinRate=RATE`): `timeout_s` seconds, and one
more for each `min_rate` bytes that came. But a burst earns no more than `timeout_s`: else few
connections with half a body each would hold the memory of all for minutes. Only the time spent waiting for the client
counts: a service that is slow to take a stream of products blames nobody for it.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any, cast

import anyio
from litestar import Request
from litestar.types import ASGIApp, HTTPReceiveMessage, Message, Receive, Scope, Send

from service.errors import BodyTimeout, ClientGone, Overloaded
from service.server.scope_notes import notes

_KEY = "withthis_body"
PIECE_BYTES = 64 * 1024
BODIES_FULL = "Too much data is in transit to and from other clients. Try again after the seconds in Retry-After."


class BodyGuard:
    """The middleware over all routes, and the memory that their bodies share."""

    def __init__(self, *, timeout_s: float, min_rate: int, max_held: int, retry_after_s: int) -> None:
        """`min_rate` in bytes a second; `max_held`: bytes of all bodies that are held at the same time."""
        self.timeout_s = timeout_s
        self.min_rate = min_rate
        self._max_held = max_held
        self._retry_after_s = retry_after_s
        self._held = 0

    @property
    def held(self) -> int:
        """Bytes of bodies that are held now."""
        return self._held

    def middleware(self, app: ASGIApp) -> ASGIApp:
        """Watch over the body of each request."""

        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            body = IncomingBody(self, receive)
            notes(scope)[_KEY] = body
            try:
                await app(scope, body.receive, partial(_send_in_pieces, send))
            finally:
                body.drop()

        return guarded

    def take(self, size: int) -> None:
        """Hold so many bytes more. Raises Overloaded where all bodies together would be too large."""
        if self._held + size > self._max_held:
            raise Overloaded(BODIES_FULL, retry_after_s=self._retry_after_s)
        self._held += size

    def give_back(self, size: int) -> None:
        """Hold so many bytes less."""
        self._held -= size


class IncomingBody:
    """The body of one request."""

    def __init__(self, guard: BodyGuard, receive: Receive) -> None:
        self._guard = guard
        self._receive = receive
        self._complete = False
        self._left_s = guard.timeout_s
        self._held = 0

    async def receive(self) -> HTTPReceiveMessage:
        """The next message of the client.

        Raises:
            BodyTimeout: the body comes too slowly.
            ClientGone: the client closed its connection before the body was complete.
        """
        if self._complete:
            return cast("HTTPReceiveMessage", await self._receive())
        message = await self._in_time()
        if message["type"] == "http.disconnect":
            raise ClientGone
        self._left_s = min(self._left_s + len(message["body"]) / self._guard.min_rate, self._guard.timeout_s)
        self._complete = not message.get("more_body", False)
        return message

    def hold(self, size: int) -> None:
        """Count bytes that stay in memory, until `drop` or the end of the request. Raises Overloaded."""
        self._guard.take(size)
        self._held += size

    def drop(self) -> None:
        """Nothing is held any more."""
        self._guard.give_back(self._held)
        self._held = 0

    async def _in_time(self) -> HTTPReceiveMessage:
        began = time.monotonic()
        with anyio.move_on_after(self._left_s):
            message = cast("HTTPReceiveMessage", await self._receive())
            self._left_s -= time.monotonic() - began
            return message
        raise BodyTimeout


async def _send_in_pieces(send: Send, message: Message) -> None:
    """A large body goes out as its client takes it: sent whole, it would be in a buffer that nobody counts."""
    if message["type"] != "http.response.body" or len(message["body"]) <= PIECE_BYTES:
        await send(message)
        return
    body, more = message["body"], message.get("more_body", False)
    for start in range(0, len(body), PIECE_BYTES):
        end = start + PIECE_BYTES
        await send({"type": "http.response.body", "body": body[start:end], "more_body": more or end < len(body)})


def incoming_body(request: Request[Any, Any, Any]) -> IncomingBody:
    """The body of a request, as the middleware knows it."""
    found: IncomingBody = notes(request.scope)[_KEY]
    return found
