"""The place of a worker, as its supervisor sees it: a process, and after its end another one."""

from __future__ import annotations

import logging
import os
import signal
import socket
import time
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess

from service.cli.signals import held_back
from service.cli.worker import Build, Pulse, run_worker
from service.server.observability.shared_metrics import forget
from service.settings import Settings

ROUND_S = 0.5
"""Time between two looks at a worker that does not end."""
HANGS_S = 60
"""Time without a sign of life after which a worker is killed; loading a model may hold the interpreter for some."""
_LONGEST_S = 30.0
"""The longest pause before the next one, where one after the other does not come to serve."""
_log = logging.getLogger(__name__)


class WorkerSlot:
    """At most one process at a time. One that has served is followed at once; else the pause doubles."""

    def __init__(self, context: BaseContext, build: Build, settings: Settings, sock: socket.socket) -> None:
        """Nothing is started yet; see `worker.run_worker`."""
        self._context, self._arguments = context, (build, settings, sock)
        self.process: BaseProcess | None = None
        self.has_served = False
        self._pulse = Pulse(context)
        self._beats = self._silent_rounds = self._failures = 0
        self._not_before = 0.0
        self._is_over = False

    def start_when_due(self) -> None:
        """Start a process where there is none and the pause is over."""
        if self.process is not None or time.monotonic() < self._not_before:
            return
        self._silent_rounds, self._pulse = 0, Pulse(self._context)
        arguments = (*self._arguments, self._pulse, os.getpid())
        process: BaseProcess = self._context.Process(target=run_worker, args=arguments)  # type: ignore[attr-defined]
        try:
            with held_back():  # until the worker has handlers of its own
                process.start()
        except OSError as error:
            self._pause(f"A worker cannot be started ({error.strerror})")
        else:
            self.process = process

    def look(self, *, round_over: bool) -> int | None:
        """The exit status of a process that has ended since the last look, negative for a signal.

        One that has shown no sign of life for `HANGS_S` is killed. `round_over`: `ROUND_S` have passed. Rounds are
        counted rather than time, so that no worker is lost where all processes were suspended.
        """
        if self.process is None:
            return None
        self.has_served = self.has_served or self._pulse.serves
        if not self.process.is_alive():
            return self._ended(self.process)
        if self._beats != (beats := self._pulse.beats):
            self._beats, self._silent_rounds = beats, 0
        self._silent_rounds += round_over
        if self._silent_rounds * ROUND_S >= HANGS_S:
            _log.error("Worker %d shows no sign of life and is killed.", self.process.pid)
            self.process.kill()
        return None

    def stop(self) -> None:
        """Tell the process to end, if there is one; it was the last one."""
        self._is_over = True
        if self.process is not None:
            self.process.terminate()

    def kill(self) -> None:
        """End the process without a word, if there is one."""
        if self.process is not None:
            self.process.kill()

    def _ended(self, process: BaseProcess) -> int:
        pid, status = process.pid, process.exitcode
        assert pid is not None, "it was started"
        assert status is not None, "it is not alive"
        forget(pid)
        process.close()
        self.process = None
        if not self._is_over:
            self._pause(f"Worker {pid} ended ({_named(status)})")
        return status

    def _pause(self, event: str) -> None:
        self._failures = 0 if self._pulse.serves else self._failures + 1
        pause_s = min(2.0 ** (self._failures - 2), _LONGEST_S) if self._failures > 1 else 0.0
        self._not_before = time.monotonic() + pause_s
        _log.warning("%s; the next one starts %s.", event, f"in {pause_s:g} s" if pause_s else "now")


def _named(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    known = -status in set(signal.Signals)  # most of the real-time signals have no name
    return signal.Signals(-status).name if known else f"signal {-status}"
