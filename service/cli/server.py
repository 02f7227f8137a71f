"""The server that stops politely: not ready at once, requests in flight answered, then the end."""

from __future__ import annotations

import threading
from types import FrameType

import uvicorn
from litestar import Litestar

from service.settings import Settings

GRACE_S = 30
"""Seconds that a request in flight may take to end after the service was told to stop."""


class PoliteServer(uvicorn.Server):
    """uvicorn, with `/readyz` at 503 from the first signal on, and `shutdown_delay_s` in which it goes on answering.

    The delay gives load balancers time to see it; a second signal ends it.
    """

    def __init__(self, app: Litestar, settings: Settings) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                log_level=settings.log_level.lower(),
                access_log=False,  # it would write down query strings; the application has a log of its own
                timeout_graceful_shutdown=GRACE_S,
                server_header=False,
            )
        )
        self._state = app.state
        self._delay_s = settings.shutdown_delay_s

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """What a signal does."""
        first = not self._state.get("stopping", False)
        self._state.stopping = True
        if first and self._delay_s:
            timer = threading.Timer(self._delay_s, super().handle_exit, [sig, frame])
            timer.daemon = True
            timer.start()
        else:
            super().handle_exit(sig, frame)
