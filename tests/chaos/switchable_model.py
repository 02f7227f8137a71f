"""`python -m tests.chaos.switchable_model`: a model server that is well or broken as lines on its standard input say.

A line names one of `MODES`. It runs in a process of its own, so that the clients of a chaos run do not slow it down.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from rerank.labels import LABELS
from tests.endless_peers import DRIPS
from tests.integration.model_server import completion

WELL = "well"
MODES = (WELL, *DRIPS)
PAUSE_S = 0.05
ROOT = Path(__file__).parents[2]

_mode = WELL


class _Handler(BaseHTTPRequestHandler):
    """Chat completions: a caption, or an order of nine; labels that a request does not have are dropped by it."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with suppress(OSError):
            if _mode == WELL:
                self._answer(asks_for_an_order=b"structured_outputs" in body)
            else:
                self._trickle(_mode)

    def _answer(self, *, asks_for_an_order: bool) -> None:
        order = json.dumps({"ranking": list(LABELS[8::-1]), "reason": "as it came"})
        raw = json.dumps(completion(order if asks_for_an_order else "a red mug")).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def _trickle(self, mode: str) -> None:
        self.close_connection = True
        start, drip = DRIPS[mode]
        self.wfile.write(start)
        while _mode == mode:
            self.wfile.write(drip)
            time.sleep(PAUSE_S)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are no news."""


class ModelProcess:
    """The server as the one who started it sees it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None and process.stdout is not None
        self._commands = process.stdin
        self.url = f"http://127.0.0.1:{int(process.stdout.readline())}/v1"

    def say(self, mode: str) -> None:
        """Be like this from now on."""
        self._commands.write(f"{mode}\n")
        self._commands.flush()


@contextmanager
def model_process() -> Iterator[ModelProcess]:
    """A running server; it ends with the block, or with this process."""
    command = [sys.executable, "-m", "tests.chaos.switchable_model"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            yield ModelProcess(process)
        finally:
            process.kill()


def main() -> None:
    """Serve until the standard input ends."""
    global _mode  # noqa: PLW0603 (the handlers' threads read it)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    for line in sys.stdin:
        assert line.strip() in MODES
        _mode = line.strip()


if __name__ == "__main__":
    main()
