"""Several workers behind one socket: all answer, count as one, are replaced when they die, and end together."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120
HTTP = httpx.Client(timeout=PATIENCE_S, limits=httpx.Limits(max_keepalive_connections=0), verify=False)
"""A connection for each request, so that any worker may take it. `httpx.get` loads all certificates each time."""


@dataclass
class Running:
    """Workers and their supervisor."""

    url: str
    process: subprocess.Popen[str]

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


def until(true: Callable[[], bool]) -> None:
    patience = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < patience
        time.sleep(0.1)


def closed(folder: Path, workers: set[int]) -> list[bool]:
    """Whether each worker has closed its store, once."""
    notes = [folder / str(pid) / "closed" for pid in workers]
    return [note.exists() and note.read_text() == "once\n" for note in notes]


def answers(running: Running) -> float:
    """Answers of /pid, added up over the workers."""
    families = text_string_to_metric_families(running.ask("/metrics").text)
    samples = [sample for family in families for sample in family.samples]
    return sum(s.value for s in samples if s.name == "withthis_requests_total" and s.labels["route"] == "/pid")


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """Two workers over fakes, both of them answering."""
    env = {**os.environ, "WITHTHIS_WORKERS": "2", "WITHTHIS_DATA_DIR": str(tmp_path), "TMPDIR": str(tmp_path)}
    env["WITHTHIS_SEARCH_LOG"] = str(tmp_path / "log")
    command = [sys.executable, "-m", "tests.integration.workers_entry"]
    piped = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, start_new_session=True)
    with piped as process:
        assert process.stdout is not None
        found = Running(process.stdout.readline().strip(), process)
        family = psutil.Process(process.pid)
        try:
            found.workers()
            yield found
        finally:
            for member in [*family.children(recursive=True), family] if process.poll() is None else []:
                with suppress(psutil.NoSuchProcess):
                    member.kill()


QUEUES = {
    *("search", "reranked", "rerank", "rerank_documents", "documents"),
    *("embeddings", "write", "catalog", "images", "batch"),
}


@pytest.mark.slow
def test_workers_answer_count_as_one_are_replaced_and_end_together(running: Running, tmp_path: Path) -> None:
    before = answers(running)
    running.ask_often()
    assert answers(running) == before + 40 == answers(running)
    lines = running.ask("/metrics").text.splitlines()
    waiting = sorted(line for line in lines if line.startswith("withthis_queue_waiting{"))
    assert waiting == [f'withthis_queue_waiting{{queue="{name}"}} 0.0' for name in sorted(QUEUES)]

    first, second = running.workers()
    os.kill(first, signal.SIGKILL)
    counted = answers(running)
    assert counted >= before + 40, "what a dead worker has counted stays"
    workers = running.workers(without=first)
    assert second in workers
    assert running.ask("/readyz").status_code == 200
    until(lambda: not list(tmp_path.glob(f"withthis-metrics-*/gauge_*_{first}.db")))

    searched = {HTTP.post(f"{running.url}/v1/search", json={"text": "a mug"}).json()["id"] for _ in range(20)}
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(PATIENCE_S) == 0
    until(lambda: not any(psutil.pid_exists(pid) for pid in workers))
    with pytest.raises(httpx.ConnectError):
        running.ask("/healthz")
    assert not list(tmp_path.glob("withthis-metrics-*"))
    assert all(closed(tmp_path, workers))
    logs = {path.name.split("-")[1]: path.read_text().splitlines() for path in (tmp_path / "log").iterdir()}
    assert {int(pid) for pid in logs} <= workers, "a file for each process"
    assert sorted(json.loads(line)["id"] for log in logs.values() for line in log) == sorted(searched)


@pytest.mark.slow
def test_workers_do_not_outlive_their_supervisor(running: Running, tmp_path: Path) -> None:
    workers = running.workers()
    running.process.kill()
    running.process.wait(PATIENCE_S)
    until(lambda: not any(psutil.pid_exists(pid) for pid in workers))
    assert all(closed(tmp_path, workers))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_a_signal_of_the_terminal_reaches_all_and_ends_all_politely(
    running: Running, tmp_path: Path, number: int
) -> None:
    workers = running.workers()
    os.killpg(running.process.pid, number)
    assert running.process.wait(PATIENCE_S) == 0
    until(lambda: not any(psutil.pid_exists(pid) for pid in workers))
    assert all(closed(tmp_path, workers))
