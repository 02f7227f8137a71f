"""One of several service processes behind one listening socket: what the supervisor's children run."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading

from litestar import Litestar
from uvicorn.config import STARTUP_FAILURE

from service.app import create_app
from service.build import build_service
from service.cli.console import show_error, start
from service.cli.server import PoliteStop
from service.cli.signals import ending_signals
from service.errors import WithThisError
from service.server.state import ServiceState
from service.settings import Settings


def create_worker() -> Litestar:
    """The application of one worker, with parts of its own; a setting that is wrong ends all workers."""
    settings = shared_out(start())
    try:
        return as_worker(settings, build_service(settings))
    except WithThisError as error:
        show_error(error)
        sys.exit(STARTUP_FAILURE)


def shared_out(settings: Settings) -> Settings:
    """The settings with the machine's cores shared out among the workers, unless `torch_threads` says otherwise."""
    if settings.encoder.torch_threads is not None:
        return settings
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return settings.model_copy(update={"torch_threads": max(1, cores // settings.server.workers)})


def as_worker(settings: Settings, service: ServiceState) -> Litestar:
    """The application over this service, which it closes; it stops politely, and does not outlive its supervisor."""
    service.warm()
    app = create_app(settings, service)
    app.on_startup.append(lambda: _stop_politely(app, settings.server.shutdown_delay_s))
    app.on_shutdown.append(service.close)
    threading.Thread(target=_follow_supervisor, name="supervisor", daemon=True).start()
    return app


def _stop_politely(app: Litestar, delay_s: float) -> None:
    """Signals go through `PoliteStop` to the handler that uvicorn has set before the application starts.

    They all count as SIGTERM there: of a second SIGINT uvicorn makes an end that does not end the application.
    """
    handler = signal.getsignal(signal.SIGTERM)
    if not callable(handler):
        return
    stop = PoliteStop(app.state, delay_s, lambda number, frame: handler(signal.SIGTERM, frame))
    for number in ending_signals():
        signal.signal(number, stop)


def _follow_supervisor() -> None:
    """End when the supervisor is gone: nobody would ever stop this process or start it again."""
    supervisor = multiprocessing.parent_process()
    if supervisor is not None:
        supervisor.join()
        os.kill(os.getpid(), signal.SIGTERM)
