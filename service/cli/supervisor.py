"""Several service processes on one host: one listening socket, workers that are restarted when they die.

uvicorn's own supervisor does the work. Each worker has its own models, queues and limits; `/metrics` reports the
sums. Workers are restarted rather than forked: neither torch nor grpc survives a fork.
"""

from __future__ import annotations

import os
import signal
import socket
import tempfile

import uvicorn
from prometheus_client.multiprocess import mark_process_dead
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from service.cli.server import GRACE_S, uvicorn_options
from service.cli.signals import all_ending_signals, ending_signals
from service.errors import ConfigurationError, InternalFault
from service.server.observability.shared_metrics import FOLDER_VARIABLE
from service.settings import Settings
from service.stores.local_file import is_local

WORKER = "service.cli.worker:create_worker"
HANGS_S = 60
"""Seconds after which a worker that does not answer its supervisor is replaced; loading a model may take some."""


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


def run_workers(settings: Settings, sock: socket.socket, worker: str = WORKER) -> None:
    """Serve with `settings.server.workers` processes until told to stop.

    `worker`: module and name of the function that makes a worker's application. It is called in the new process and
    reads the settings from the environment.

    Raises:
        InternalFault: a worker could not start; it has said why.
    """
    config = uvicorn.Config(
        worker,
        factory=True,
        workers=settings.server.workers,
        timeout_graceful_shutdown=GRACE_S,
        timeout_worker_healthcheck=HANGS_S,
        **uvicorn_options(settings),
    )
    with tempfile.TemporaryDirectory(prefix="withthis-metrics-") as folder:
        os.environ[FOLDER_VARIABLE] = folder  # for the workers; must be there before they import prometheus_client
        supervisor = Supervisor(config, [sock], folder)
        supervisor.run()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        raise InternalFault("A worker could not start; see the messages above.")


class Supervisor(Multiprocess):
    """uvicorn's, which also forgets the gauges of workers that are gone, and closes the socket when it stops.

    SIGHUP stops it as SIGTERM does, unless this process was started to ignore it; for uvicorn it is a restart.
    """

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket], metrics_folder: str) -> None:
        handled = ending_signals()
        super().__init__(config, sockets)
        for number in set(all_ending_signals()).difference(handled):
            signal.signal(number, signal.SIG_IGN)
        self._metrics_folder = metrics_folder
        self._pids: set[int] = set()

    def keep_subprocess_alive(self) -> None:
        """Called twice a second: replaces workers that died or hang."""
        super().keep_subprocess_alive()
        alive = {process.pid for process in self.processes if process.pid is not None}
        for pid in self._pids - alive:
            mark_process_dead(pid, self._metrics_folder)  # type: ignore[no-untyped-call]
        self._pids = alive

    def handle_hup(self) -> None:
        """SIGHUP: stop."""
        self.should_exit.set()

    def terminate_all(self) -> None:
        """Tell the workers to stop. Who connects after the last of them has stopped listening is refused at once."""
        super().terminate_all()
        for sock in self.sockets:
            sock.close()
