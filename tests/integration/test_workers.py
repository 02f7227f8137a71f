"""Several workers behind one socket: all answer, count as one, are replaced when they die, and end together."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.cli.sharing import METHOD
from tests.integration.running_workers import HTTP, PATIENCE_S, Running, gone, running_workers, until


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
def running(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Running]:
    """Two workers over fakes, both of them answering; started as on this system, unless a test says otherwise."""
    with running_workers(tmp_path, getattr(request, "param", METHOD)) as found:
        found.workers()
        yield found


QUEUES = {
    *("search", "reranked", "rerank", "rerank_documents", "documents"),
    *("embeddings", "write", "catalog", "images", "batch"),
}


@pytest.mark.slow
@pytest.mark.parametrize("running", sorted({METHOD, "spawn"}), indirect=True)
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
    assert gone(workers)
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
    until(lambda: gone(workers))
    assert all(closed(tmp_path, workers))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_a_signal_of_the_terminal_reaches_all_and_ends_all_politely(
    running: Running, tmp_path: Path, number: int
) -> None:
    workers = running.workers()
    os.killpg(running.process.pid, number)
    assert running.process.wait(PATIENCE_S) == 0
    assert gone(workers)
    assert all(closed(tmp_path, workers))
