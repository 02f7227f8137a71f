"""`withthis serve` in a process of its own that is ended in all ways and started again, always at the same address."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

ROOT = Path(__file__).parents[2]
WITHTHIS = (sys.executable, "-c", "from service.cli import main; main()")
START_S = 240.0
STOP_S = 60.0
_FOR_EVER = float("inf")


class ServiceError(Exception):
    """The service did not do what a chaos run cannot go on without."""


@dataclass
class Absence:
    """From a signal that ends the process to the first `/readyz` with 200, on the clock of `time.monotonic()`.

    In between it was gone, and started again.
    """

    began: float
    ended: float = _FOR_EVER
    gone: float = _FOR_EVER
    started: float = _FOR_EVER


@dataclass
class Service:
    """The process, how often it was started, when it was away, and the exit statuses of its polite ends."""

    port: int
    env: Mapping[str, str]
    log: Path
    absences: list[Absence] = field(default_factory=list)
    polite_exits: list[int] = field(default_factory=list)
    started: int = 0
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ready(self) -> int:
        """How often it became ready."""
        return sum(absence.ended < _FOR_EVER for absence in self.absences)

    def start(self) -> None:
        """Start the process; it is not ready yet."""
        if self._process is None and not self.absences:
            self.absences.append(Absence(0.0))
        self.absences[-1].started = time.monotonic()
        command = [*WITHTHIS, "serve", "--port", str(self.port)]
        with self.log.open("ab") as log:
            # A session of its own, as services have; Linux shares a busy machine out by session.
            self._process = subprocess.Popen(
                command, cwd=ROOT, env={**os.environ, **self.env}, stdout=log, stderr=log, start_new_session=True
            )
        self.started += 1

    def until_ready(self) -> None:
        """Wait for `/readyz`."""
        end = time.monotonic() + START_S
        while time.monotonic() < end and self.process.poll() is None:
            with suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/readyz", timeout=30, trust_env=False).is_success:
                    self.absences[-1].ended = time.monotonic()
                    return
            time.sleep(0.1)
        raise ServiceError(f"the service is not ready; {self.log} says why")

    def end(self, number: signal.Signals) -> None:
        """Send a signal and wait for the end of the process."""
        self.absences.append(Absence(time.monotonic()))
        self.process.send_signal(number)
        status = self.process.wait(STOP_S)
        self.absences[-1].gone = time.monotonic()
        if number != signal.SIGKILL:
            self.polite_exits.append(status)

    def close(self) -> None:
        """Kill it if it is there."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def resident_mb(self) -> float:
        """Its resident memory."""
        return float(psutil.Process(self.process.pid).memory_info().rss) / 1e6

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The running one."""
        assert self._process is not None
        return self._process
