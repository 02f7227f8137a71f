"""Two workers over fakes and their supervisor, in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120
HTTP = httpx.Client(timeout=PATIENCE_S, limits=httpx.Limits(max_keepalive_connections=0), verify=False)
"""A connection for each request, so that any worker may take it. `httpx.get` loads all certificates each time."""


@dataclass
class Running:
    """Workers and their supervisor; `folder`: of their data."""

    url: str
    process: subprocess.Popen[str]
    folder: Path

    def ask(self, path: str) -> httpx.Response:
        """One request over a connection of its own."""
        return HTTP.get(self.url + path)

    def ask_often(self) -> set[int]:
        """Ask 40 times; the workers that answered: under load perhaps one of them alone."""
        return {self.ask("/pid").json() for _ in range(40)}

    def workers(self, without: int | None = None) -> set[int]:
        """Both workers, as soon as each has answered, and the one that is `without` no more."""
        seen: set[int] = set()

        def both() -> bool:
            seen.update(self.ask_often() - {without})
            return len(seen) == 2

        until(both)
        return seen

    def started(self) -> set[int]:
        """All workers that have begun to start, also those that are gone."""
        return {int(path.name.split("-")[1]) for path in self.folder.glob("started-*")}


def until(true: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Returns when it is true."""
    patience = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < patience
        time.sleep(0.1)


def gone(pids: set[int]) -> bool:
    """Whether none of these processes is left."""
    return not any(psutil.pid_exists(pid) for pid in pids)


@contextmanager
def running_workers(folder: Path, method: str) -> Iterator[Running]:
    """Started at least, with whatever there is in the folder."""
    env = {**os.environ, "WITHTHIS_WORKERS": "2", "WITHTHIS_DATA_DIR": str(folder), "TMPDIR": str(folder)}
    env["WITHTHIS_SEARCH_LOG"] = str(folder / "log")
    command = [sys.executable, "-m", "tests.integration.workers_entry", method]
    piped = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, start_new_session=True)
    with piped as process:
        assert process.stdout is not None
        family = psutil.Process(process.pid)
        try:
            yield Running(process.stdout.readline().strip(), process, folder)
        finally:
            for member in [*family.children(recursive=True), family] if process.poll() is None else []:
                with suppress(psutil.NoSuchProcess):
                    member.kill()
