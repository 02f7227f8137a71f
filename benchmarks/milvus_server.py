"""A real Milvus server for tests: the binary in the package `milvus`, with a folder of its own, on free ports."""

from __future__ import annotations

import importlib.util
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import grpc  # type: ignore[import-untyped]
from pymilvus import MilvusClient
from pymilvus.exceptions import MilvusException

START_S = 150
PORTS = (
    *("proxy", "proxy-internal", "etcd", "root-coord", "query-coord", "query-node"),
    *("index-coord", "index-node", "data-coord", "data-node"),
)


class MilvusServerError(Exception):
    """Why there is no server; the text is the reason for skipping."""


def lasting_ports(count: int) -> list[int]:
    """Free ports that the system gives to no client, so that they are free again when a server is restarted.

    On others a client that asks again and again while nobody listens may connect to itself, and Milvus takes another
    port without a word where its own is taken.
    """
    found: list[int] = []
    with ExitStack() as stack:
        for port in random.sample(range(20_000, 32_000), 12_000):
            with suppress(OSError):
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
                found.append(port)
            if len(found) == count:
                break
    return found


class MilvusProcess:
    """A server that is started, stopped in all ways, and started again over the same folder at the same address."""

    def __init__(self, folder: Path) -> None:
        """`folder`: its data and its log. Raises MilvusServerError if the server is not installed."""
        if importlib.util.find_spec("milvus") is None:
            raise MilvusServerError("no Milvus server: the package milvus==2.3.5 is not installed (Linux on x86-64)")
        ports = dict(zip(PORTS, lasting_ports(len(PORTS)), strict=True))
        options = [word for name, port in ports.items() for word in (f"--{name}-port", str(port))]
        self._command = [sys.executable, "-c", "import milvus; milvus.main()", "--data", str(folder), *options]
        self._log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._port = ports["proxy"]
        self.uri = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Returns when it answers, a minute later after a kill. Raises MilvusServerError if it does not."""
        _wait_until_free(self._port)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, start_new_session=True)
        _wait(self._process, self.uri)

    def until_loaded(self, collection: str) -> None:
        """Returns when it answers with rows, half a minute after it answers at all. Raises MilvusServerError."""
        patience = time.monotonic() + START_S
        client = MilvusClient(self.uri, timeout=10)
        while time.monotonic() < patience:
            with suppress(MilvusException, grpc.RpcError):
                client.query(collection, output_fields=["count(*)"], consistency_level="Strong", timeout=10)
                client.close()
                return
            time.sleep(0.2)
        raise MilvusServerError(f"{collection} was not loaded within {START_S} s")

    def kill(self) -> None:
        """End it without a word."""
        if self._process is not None:
            with suppress(ProcessLookupError):  # it may have ended by itself
                self._signal(signal.SIGKILL)
            self._process.wait()

    def pause(self) -> None:
        """It keeps its connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """It resumes where it was."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, number)  # the launcher and the server that it started


@contextmanager
def milvus_server(folder: Path) -> Iterator[str]:
    """Start a server; its address. Raises MilvusServerError if it is not installed or does not come up."""
    server = MilvusProcess(folder)
    try:
        server.start()
        yield server.uri
    finally:
        server.kill()  # nothing is to be kept


def _wait_until_free(port: int) -> None:
    """The launcher takes another port, without a word, while old connections to this one are remembered (TIME_WAIT)."""
    patience = time.monotonic() + START_S
    while time.monotonic() < patience:
        with suppress(OSError), socket.socket() as sock:
            sock.bind(("", port))  # without SO_REUSEADDR, as the launcher tries it
            return
        time.sleep(0.5)


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
