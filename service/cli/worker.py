"""One of several service processes behind one listening socket: what the supervisor's children run."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.context import BaseContext
from typing import TYPE_CHECKING

from uvicorn.config import STARTUP_FAILURE

from service.cli.console import log_as, show_error
from service.cli.signals import exit_on_any_signal
from service.errors import WithThisError
from service.settings import Settings
from service.support import garbage

if TYPE_CHECKING:
    from service.server.state import ServiceState

Build = Callable[[Settings], "ServiceState"]
"""Makes the parts of a worker. Raises WithThisError if that cannot be done."""
_BEAT_S = 1.0


class Pulse:
    """What a worker shows of itself, in memory that the supervisor sees: neither ever waits for the other."""

    def __init__(self, context: BaseContext) -> None:
        """Nothing is shown yet."""
        self._beats, self._serves = context.RawValue("L", 0), context.RawValue("b", 0)

    @property
    def beats(self) -> int:
        """Signs of life until now."""
        return int(self._beats.value)

    @property
    def serves(self) -> bool:
        """Whether it has started."""
        return bool(self._serves.value)

    def beat(self) -> None:
        """Give a sign of life."""
        self._beats.value += 1

    def begin_to_serve(self) -> None:
        """It has started."""
        self._serves.value = 1


def run_worker(build: Build, settings: Settings, sock: socket.socket, pulse: Pulse, supervisor: int) -> None:
    """Serve until told to stop, or until the supervisor is gone. `supervisor`: its process id.

    Exits with `STARTUP_FAILURE` where it cannot start.
    """
    exit_on_any_signal()
    log_as(settings)
    threading.Thread(target=_show_life, args=[pulse, supervisor], name="supervisor", daemon=True).start()
    with garbage.paused():
        from service.cli.serving import run_server  # noqa: PLC0415 (a supervisor may hold no models)

        try:
            run_server(settings, build(settings), sock, pulse.begin_to_serve)
        except WithThisError as error:
            show_error(error)
            sys.exit(STARTUP_FAILURE)


def _show_life(pulse: Pulse, supervisor: int) -> None:
    """End this process with the supervisor: nobody would ever stop it or start it again."""
    while os.getppid() == supervisor:
        pulse.beat()
        time.sleep(_BEAT_S)
    os.kill(os.getpid(), signal.SIGTERM)
