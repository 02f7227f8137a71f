"""The service on a port of this machine, for clients that bring their own HTTP."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from litestar import Litestar

from service.app import create_app
from service.cli.server import PoliteServer
from service.server.catalog import Catalog
from service.server.state import ServiceState
from service.settings import Settings


class Servable(Protocol):
    """A `tests.fakes.Shop`, or a real catalog."""

    settings: Settings
    parts: Catalog


@contextmanager
def live(shop: Servable) -> Iterator[str]:
    """Serve a shop; its address."""
    with live_app(lambda _: create_app(shop.settings, ServiceState.of(shop.parts)), shop.settings) as url:
        yield url


@contextmanager
def live_app(make: Callable[[int], Litestar], settings: Settings | None = None) -> Iterator[str]:
    """Serve an application, made for a port; its address."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
        server = PoliteServer(make(port), settings or Settings(_env_file=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join(30)
