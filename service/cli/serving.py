"""A service and its server in this process."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from litestar import Litestar

from service.app import create_app
from service.build import build_service
from service.cli.console import err
from service.cli.listening import address
from service.cli.server import GRACE_S, PoliteServer
from service.cli.signals import undisturbed
from service.errors import InternalFault
from service.server.state import ServiceState
from service.settings import Settings
from service.support import garbage


def serve_alone(settings: Settings, sock: socket.socket) -> None:
    """Load everything, and serve in this process until told to stop."""
    service = build_service(settings)
    err.print(f"WithThis answers on [bold]{address(sock)}[/]")
    run_server(settings, service, sock)


def run_server(
    settings: Settings, service: ServiceState, sock: socket.socket, ready: Callable[[], None] = lambda: None
) -> None:
    """Serve until told to stop by any signal, then close the service. `ready`: called once the application is made."""
    service.warm()
    try:
        server = PoliteServer(create_app(settings, service), settings)
        garbage.resume()
        ready()
        server.run(sockets=[sock])
    finally:
        with undisturbed():
            service.close()


@contextmanager
def serving(app: Litestar, settings: Settings, sock: socket.socket) -> Iterator[threading.Thread]:
    """Serve in a thread while the block runs; the thread ends with the block."""
    server = PoliteServer(app, settings)
    ready = threading.Event()
    original = server.startup

    async def startup(sockets: list[socket.socket] | None = None) -> None:
        try:
            await original(sockets)
        finally:
            ready.set()

    server.startup = startup  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, name="server", daemon=True)
    thread.start()
    try:
        ready.wait()
        if not server.started:
            raise InternalFault("The server did not start; see the log.")
        yield thread
    finally:
        server.should_exit = True
        thread.join(GRACE_S)
