"""`withthis serve`: a service in this process, or workers and their supervisor."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from service.cli.console import err, start
from service.cli.listening import address, check_exposure, listen
from service.cli.sharing import load_shared, shared_out
from service.cli.signals import handled_by
from service.cli.supervisor import check_shareable, run_workers
from service.support import garbage

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
            settings = shared_out(settings)
            with handled_by(lambda number, frame: sys.exit(0)):  # as when they serve
                build = load_shared(settings)
            run_workers(settings, sock, build)
            return
        with garbage.paused():
            from service.cli.serving import serve_alone  # noqa: PLC0415 (a supervisor of workers holds no models)

            serve_alone(settings, sock)
