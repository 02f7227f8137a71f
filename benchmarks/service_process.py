"""The service in a process of its own over the demo shop, for benchmarks that ask it as clients do."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from service.cli.server import GRACE_S
from service.errors import InternalFault

_COMMAND = (sys.executable, "-c", "from service.cli import main; main()")
_START_S = 300.0


@dataclass(frozen=True)
class RunningService:
    """Where it answers, and its process."""

    url: str
    process: psutil.Process

    def resident_mb(self) -> float:
        """Resident memory, in MB."""
        return float(self.process.memory_info().rss) / 1e6


@contextmanager
def running_service(feed: Path, folder: Path) -> Iterator[RunningService]:
    """Index `feed` into `folder`, serve it as `withthis serve` does, and stop it with the block.

    Other settings are those of the environment.

    Raises:
        InternalFault: indexing failed or the service did not start; it has said why.
    """
    environment = os.environ | {"WITHTHIS_DATA_DIR": str(folder), "WITHTHIS_LOG_LEVEL": "WARNING"}
    if subprocess.run([*_COMMAND, "index", str(feed)], env=environment, check=False).returncode != 0:
        raise InternalFault("The demo shop could not be indexed; the lines above say why.")
    port = _free_port()
    server = subprocess.Popen([*_COMMAND, "serve", "--port", str(port)], env=environment)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_ready(url, server)
        yield RunningService(url, psutil.Process(server.pid))
    finally:
        server.terminate()
        server.wait(GRACE_S + 10)


def _free_port() -> int:
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
        time.sleep(0.1)
    raise InternalFault("The service did not start; the lines above say why.")
