"""Several service processes on one host: one listening socket, and workers that are replaced when they end.

Each worker has its own queues and limits; `/metrics` reports the sums. The supervisor is their parent and does nothing
but wait for their end and for signals: however a worker ends, the system says so at once.
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.connection import wait
from types import FrameType

from uvicorn.config import STARTUP_FAILURE

from service.cli.server import GRACE_S
from service.cli.sharing import METHOD
from service.cli.signals import handled_by
from service.cli.worker import Build
from service.cli.worker_slot import ROUND_S, WorkerSlot
from service.errors import ConfigurationError, InternalFault
from service.server.observability.shared_metrics import FOLDER_VARIABLE
from service.settings import Settings
from service.stores.local_file import is_local

_CLOSING_S = 15
"""Time to close stores and models after the last request; a worker that takes longer is killed."""


def check_shareable(settings: Settings) -> None:
    """Refuse stores that belong to one process.

    Raises:
        ConfigurationError: with what to do.
    """
    if settings.store_uri.startswith("exact:") or is_local(settings.store_uri):
        raise ConfigurationError(
            "Several workers need a Milvus server: a local file and the exact store belong to one process. Set "
            "WITHTHIS_STORE_URI to the server's address, such as http://127.0.0.1:19530, or serve with one worker."
        )


def run_workers(settings: Settings, sock: socket.socket, build: Build, method: str = METHOD) -> None:
    """Serve with `settings.server.workers` processes until told to stop by any signal.

    `build`: called in each worker; if `method` is "spawn", what `pickle` can take.

    Raises:
        InternalFault: a worker could not start, and none has served yet; it has said why.
    """
    context = get_context(method)
    patience_s = settings.server.shutdown_delay_s + GRACE_S + _CLOSING_S
    with tempfile.TemporaryDirectory(prefix="withthis-metrics-") as folder:
        os.environ[FOLDER_VARIABLE] = folder  # for the workers
        slots = [WorkerSlot(context, build, settings, sock) for _ in range(settings.server.workers)]
        Supervisor(slots, sock, patience_s).run()


class Supervisor:
    """Keeps a worker in each slot. Signals are passed on as SIGTERM, so that a second one hurries the workers."""

    def __init__(self, slots: Sequence[WorkerSlot], sock: socket.socket, patience_s: float) -> None:
        """`sock`: closed at the end; `patience_s`: how long workers may take to end."""
        self._slots, self._sock, self._patience_s = slots, sock, patience_s
        self._signals = 0

    def run(self) -> None:
        """Returns when all have ended after a signal. Raises InternalFault if they cannot start."""
        with handled_by(self._note):
            try:
                self._keep_all()
            finally:
                self._end_all()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._signals += 1

    def _keep_all(self) -> None:
        while not self._signals:
            for slot in self._slots:
                slot.start_when_due()
            round_over = self._wait()
            ended = [slot.look(round_over=round_over) for slot in self._slots]
            if STARTUP_FAILURE in ended and not any(slot.has_served for slot in self._slots):
                raise InternalFault("A worker could not start; see the messages above.")

    def _end_all(self) -> None:
        """Who connects after the last worker has stopped listening is refused at once."""
        passed_on, rounds = 0, int(self._patience_s / ROUND_S)
        self._signals = max(self._signals, 1)
        while any(slot.process for slot in self._slots):
            if passed_on < self._signals:
                passed_on += 1
                for slot in self._slots:
                    slot.stop()
                self._sock.close()
            rounds -= self._wait()
            if rounds == 0:
                for slot in self._slots:
                    slot.kill()
            for slot in self._slots:
                slot.look(round_over=False)

    def _wait(self) -> bool:
        """Returns when a worker has ended, or after `ROUND_S`: then True."""
        return not wait([slot.process.sentinel for slot in self._slots if slot.process], ROUND_S)
