"""The answer to clients beyond the connection limit."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from litestar.types import ASGIApp, Receive, Scope, Send

from service.errors import TooManyConnections
from service.server.connections.early_answers import HEADERS, body_of

logger = logging.getLogger(__name__)

PROBE = "/healthz"
"""Answered even then: a crowded service is alive."""

SPARE = 64
"""Connections beyond the limit that get an answer; further ones are closed at once."""

LOG_EVERY_S = 60.0
_RETRY = (b"retry-after", b"1")


class Crowded:
    """The application of connections beyond the limit: the probe is answered, everything else is 503."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["path"] == PROBE:
            await self._app(scope, receive, send)
            return
        body = body_of(TooManyConnections())
        length = (b"content-length", str(len(body)).encode())
        await send(
            {"type": "http.response.start", "status": TooManyConnections.status, "headers": [*HEADERS, length, _RETRY]}
        )
        await send({"type": "http.response.body", "body": body, "more_body": False})


class CrowdLog:
    """Logs that connections are refused, at most once a minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next = 0.0

    def turned_away(self, limit: int) -> None:
        """One connection was beyond the limit."""
        now = self._clock()
        if now >= self._next:
            self._next = now + LOG_EVERY_S
            logger.warning("%d connections are open, the limit of this service; others get 503", limit)
