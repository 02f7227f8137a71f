"""`python -m benchmarks.probe PORT FILE`: asks `/healthz` ten times a second, on a new connection each time.

It runs in a process of its own, which the clients do not slow down, and writes one JSON line a probe: when, the
seconds until the answer, the status (null without an answer), and by how many seconds the machine woke it late, which
is the machine's part of the delay.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

EVERY_S = 0.1
PATIENCE_S = 10.0
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Probe:
    """One question; `began` is a value of `time.monotonic()`, which all processes share."""

    began: float
    seconds: float
    status: int | None
    late_s: float


def ask(port: int, late_s: float) -> Probe:
    """Ask once."""
    began, status = time.monotonic(), None
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
    except (OSError, HTTPException):
        pass
    finally:
        connection.close()
    return Probe(began, time.monotonic() - began, status, late_s)


@contextmanager
def probing(port: int, file: Path) -> Iterator[None]:
    """Probe while the block runs; `read` gives what was seen."""
    command = [sys.executable, "-m", "benchmarks.probe", str(port), str(file)]
    # A session of its own: Linux shares a busy machine out by session.
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True) as process:
        try:
            yield
        finally:
            process.terminate()


def read(file: Path) -> list[Probe]:
    """What was seen; a last line may be cut off."""
    return [Probe(**json.loads(line)) for line in file.read_text().splitlines() if line.endswith("}")]


def main(port: int, file: Path) -> None:
    """Probe until told to stop."""
    with file.open("w", buffering=1) as out:
        while True:
            due = time.monotonic() + EVERY_S
            time.sleep(EVERY_S)
            out.write(json.dumps(asdict(ask(port, time.monotonic() - due))) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
