"""A real Milvus server for tests: the binary in the package `milvus`, with a folder of its own, on free ports."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from pymilvus import MilvusClient
from pymilvus.exceptions import MilvusException

START_S = 150
PORTS = (
    *("proxy", "proxy-internal", "etcd", "root-coord", "query-coord", "query-node"),
    *("index-coord", "index-node", "data-coord", "data-node"),
)


class MilvusServerError(Exception):
    """Why there is no server; the text is the reason for skipping."""


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, all different."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [sock.getsockname()[1] for sock in sockets]


@contextmanager
def milvus_server(folder: Path) -> Iterator[str]:
    """Start a server; its address. Raises MilvusServerError if it is not installed or does not come up."""
    if importlib.util.find_spec("milvus") is None:
        raise MilvusServerError("no Milvus server: the package milvus==2.3.5 is not installed (Linux on x86-64 only)")
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    options = [word for name, port in ports.items() for word in (f"--{name}-port", str(port))]
    command = [sys.executable, "-c", "import milvus; milvus.main()", "--data", str(folder), *options]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        uri = f"http://127.0.0.1:{ports['proxy']}"
        _wait(process, uri)
        yield uri
    finally:
        with suppress(ProcessLookupError):  # it may have ended by itself
            os.killpg(process.pid, signal.SIGKILL)  # the launcher and the server it started; nothing is to be kept
        process.wait()


def _wait(process: subprocess.Popen[bytes], uri: str) -> None:
    patience = time.monotonic() + START_S
    while time.monotonic() < patience and process.poll() is None:
        try:
            client = MilvusClient(uri, timeout=2)
            client.list_collections(timeout=2)
        except MilvusException:
            time.sleep(0.5)
        else:
            client.close()
            return
    raise MilvusServerError(f"no Milvus server: it did not answer within {START_S} s or ended; see server.log")
