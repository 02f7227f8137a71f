"""The service in its own process over the demo shop, for benchmarks that call it as clients do."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from benchmarks.machine import ROOT
from service.errors import InternalFault

STOP_S = 40
"""Time in which a service ends after a signal: requests in flight have 30 s."""
COMMAND = (sys.executable, "-c", "from service.cli import main; main()")
_START_S = 300.0


@dataclass(frozen=True)
class RunningService:
    """Where it answers, its process, and the seconds from the start of the process to the first `/readyz` with 200."""

    url: str
    process: psutil.Process
    ready_s: float

    def resident_mb(self) -> float:
        """Resident memory of the process, in MB."""
        return float(self.process.memory_info().rss) / 1e6

    def family(self) -> list[psutil.Process]:
        """The process and all that it has started: the workers of `--workers`."""
        return [self.process, *self.process.children(recursive=True)]

    def family_mb(self) -> dict[str, float]:
        """Memory of the family, in MB. In PSS, which only Linux has, what n processes share counts 1/n for each."""
        found = [member.memory_full_info() for member in self.family()]
        return {"RSS": sum(one.rss for one in found) / 1e6, "PSS": sum(getattr(one, "pss", 0) for one in found) / 1e6}


@contextmanager
def running_service(feed: Path, folder: Path) -> Iterator[RunningService]:
    """Index `feed` into `folder`, serve it as `withthis serve` does, and stop it with the block.

    Other settings are those of the environment. Raises as `index` and `serving` do.
    """
    environment = {"WITHTHIS_DATA_DIR": str(folder), "WITHTHIS_LOG_LEVEL": "WARNING"}
    index(feed, environment)
    with serving(environment) as service:
        yield service


def index(feed: Path, environment: Mapping[str, str], *, code: Path = ROOT) -> None:
    """`withthis index`, with these variables over those there are. InternalFault if it failed; it has said why.

    `code`: the checkout that runs.
    """
    # Its summary goes to stderr: stdout is for the benchmark's own tables.
    command = [*COMMAND, "index", str(feed.absolute())]
    done = subprocess.run(command, env={**of(code), **environment}, cwd=code, check=False, stdout=sys.stderr)
    if done.returncode != 0:
        raise InternalFault("The demo shop could not be indexed; the lines above say why.")


@contextmanager
def serving(environment: Mapping[str, str], *options: str, code: Path = ROOT) -> Iterator[RunningService]:
    """`withthis serve` with these variables and options, on a free port of this machine, while the block runs.

    `code`: the checkout that runs. InternalFault if it did not start; it has said why.
    """
    port, begin = free_port(), time.monotonic()
    command = [*COMMAND, "serve", "--port", str(port), *options]
    # A session of its own: Linux shares a busy machine out by session, and clients have many threads in this one.
    variables = {**of(code), **environment}
    server = subprocess.Popen(command, env=variables, cwd=code, stdout=sys.stderr, start_new_session=True)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_ready(url, server)
        yield RunningService(url, psutil.Process(server.pid), time.monotonic() - begin)
    finally:
        server.terminate()
        try:
            server.wait(STOP_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def of(code: Path) -> dict[str, str]:
    """The environment of a process that runs a checkout, whichever one is installed, with compiled modules."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPATH": str(code)}


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


def _wait_until_ready(url: str, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _START_S
    while time.monotonic() < end and server.poll() is None:
        try:
            if httpx.get(f"{url}/readyz", timeout=5).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise InternalFault("The service did not start; the lines above say why.")
