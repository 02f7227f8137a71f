"""A server with graceful shutdown: not ready at once, then requests in flight are answered, then it ends."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import AbstractContextManager
from types import FrameType
from typing import Any

import uvicorn
from litestar import Litestar
from litestar.datastructures import State

from service.cli.signals import Handler, handled_by
from service.server.connections.options import server_options
from service.server.state import ServiceState
from service.settings import Settings

GRACE_S = 30
"""Seconds that a request in flight may take to end after the service was told to stop."""

HURRY_S = 10
"""Before they are over, searches that still wait for the model are answered without it."""


def uvicorn_options(settings: Settings) -> dict[str, Any]:
    """Keyword arguments of `uvicorn.Config`, for one process and for workers alike."""
    server = settings.server
    return server_options(
        header_timeout_s=server.header_timeout_s,
        write_timeout_s=server.write_timeout_s,
        max_connections=server.max_connections,
        max_header_bytes=server.max_header_bytes,
        log_level=server.log_level,
        trusted_proxies=server.trusted_proxies,
    )


class PoliteServer(uvicorn.Server):
    """uvicorn whose signals go through a `PoliteStop`.

    `run` returns after any of them: uvicorn itself raises the signal again, which would end the process before its
    caller has closed what the application worked with.
    """

    def __init__(self, app: Litestar, settings: Settings) -> None:
        super().__init__(uvicorn.Config(app, timeout_graceful_shutdown=GRACE_S, **uvicorn_options(settings)))
        self._state = app.state
        self._polite_stop = PoliteStop(app.state, settings.server.shutdown_delay_s, super().handle_exit)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """What a signal does."""
        self._polite_stop(sig, frame)

    def _stop_waiting(self) -> None:
        service: ServiceState | None = self._state.get("service")  # the page on which a person judges has none
        if service is not None:
            service.rerank.stop_waiting()

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        """The signals of every command, SIGHUP among them."""
        return handled_by(self.handle_exit)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop as uvicorn does; the application is ended after a second Ctrl+C, too."""
        hurry = asyncio.get_running_loop().call_later(GRACE_S - HURRY_S, self._stop_waiting)
        await super().shutdown(sockets)
        hurry.cancel()
        if self.force_exit:
            await self.lifespan.shutdown()


class PoliteStop:
    """`/readyz` is at 503 from the first signal on, and the service keeps answering for `delay_s` before it stops.

    The delay gives load balancers time to see it; a second signal ends it.
    """

    def __init__(self, state: State, delay_s: float, stop: Handler) -> None:
        """`state`: the application's; `stop`: ends the server."""
        self._state, self._delay_s, self._stop = state, delay_s, stop

    def __call__(self, sig: int, frame: FrameType | None) -> None:
        """What a signal does."""
        first = not self._state.get("stopping", False)
        self._state.stopping = True
        if first and self._delay_s:
            timer = threading.Timer(self._delay_s, self._stop, [sig, frame])
            timer.daemon = True
            timer.start()
        else:
            self._stop(sig, frame)
