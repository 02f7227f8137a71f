"""`withthis serve`, and the server that `withthis demo` runs for its first query."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from litestar import Litestar

from service.app import check_exposure, create_app
from service.build import build_service
from service.cli.console import err, start
from service.cli.server import GRACE_S, PoliteServer
from service.cli.signals import undisturbed
from service.cli.supervisor import check_shareable, run_workers
from service.errors import ConfigurationError, InternalFault
from service.server.state import ServiceState
from service.settings import Settings

Host = Annotated[str | None, typer.Option(help="Address to listen on. Default: WITHTHIS_HOST.")]
Port = Annotated[int | None, typer.Option(help="Port to listen on, 0 for a free one. Default: WITHTHIS_PORT.")]

Workers = Annotated[
    int | None, typer.Option(help="Server processes; several need a Milvus server. Default: WITHTHIS_WORKERS.")
]


def serve(host: Host = None, port: Port = None, workers: Workers = None) -> None:
    """Serve the search API and the search page."""
    settings = start(host=host, port=port, workers=workers)
    check_exposure(settings)
    if settings.server.workers > 1:
        check_shareable(settings)
    # Taken before the models are loaded, so that a port in use is known at once.
    with listen(settings.server.host, settings.server.port) as sock:
        if settings.server.workers > 1:
            err.print(f"{settings.server.workers} workers are starting; they answer on [bold]{address(sock)}[/]")
            os.environ["WITHTHIS_WORKERS"] = str(settings.server.workers)  # workers read the settings for themselves
            run_workers(settings, sock)
            return
        service = build_service(settings)
        err.print(f"WithThis answers on [bold]{address(sock)}[/]")
        run_server(settings, service, sock)


def run_server(settings: Settings, service: ServiceState, sock: socket.socket) -> None:
    """Serve until told to stop by any signal, then close the service."""
    service.warm()
    try:
        PoliteServer(create_app(settings, service), settings).run(sockets=[sock])
    finally:
        with undisturbed():
            service.close()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        ConfigurationError: the address cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise ConfigurationError(
            f"Cannot listen on {host} port {port}. Another program may use it: set WITHTHIS_PORT to a free port."
        ) from error


def address(sock: socket.socket) -> str:
    """The address at which a socket's server is reached from this machine."""
    host, port = sock.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


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
