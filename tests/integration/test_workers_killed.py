"""Workers that are killed, at any time: another one takes the place of each, and no request is left without an end."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from service.cli.sharing import METHOD
from tests.integration.running_workers import HTTP, PATIENCE_S, Running, gone, running_workers, until

CLIENTS, TIMES = 4, 4
SOON_S = 40
"""Less than a worker that does not answer is waited for: its death is seen, not its silence."""


@pytest.fixture
def starting(tmp_path: Path) -> Iterator[Running]:
    """Two workers, both of them held in their start."""
    (tmp_path / "hold").touch()
    with running_workers(tmp_path, METHOD) as found:
        until(lambda: len(found.started()) == 2)
        yield found


@pytest.fixture
def running(starting: Running) -> Running:
    """Two workers, both of them answering."""
    (starting.folder / "hold").unlink()
    starting.workers()
    return starting


def search(url: str) -> int | None:
    """The status of a search; None if its connection broke, as it does when a worker dies."""
    try:
        return HTTP.post(f"{url}/v1/search", json={"text": "a mug"}, timeout=PATIENCE_S).status_code
    except (httpx.NetworkError, httpx.RemoteProtocolError):
        return None


def kill(running: Running, victims: set[int]) -> None:
    """End these workers without a word; returns when as many others have begun to start."""
    assert len(victims) == 2
    before = running.started()
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    until(lambda: len(running.started() - before) == 2, SOON_S)
    assert gone(victims)


@pytest.mark.slow
def test_a_worker_that_is_killed_while_it_does_not_answer_is_replaced_at_once(running: Running) -> None:
    first, _ = running.workers()
    before = running.started()
    os.kill(first, signal.SIGSTOP)
    time.sleep(2)  # a supervisor that asks it something waits for the answer by now
    os.kill(first, signal.SIGKILL)
    until(lambda: bool(running.started() - before), SOON_S)
    assert first not in running.workers()


@pytest.mark.slow
def test_all_may_be_killed_at_once_again_and_again_during_searches(running: Running) -> None:
    over = threading.Event()

    def searches() -> list[int | None]:
        found = []
        while not over.is_set():
            found.append(search(running.url))
        return found

    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(searches) for _ in range(CLIENTS)]
        try:
            for _ in range(TIMES):
                kill(running, running.workers())
            running.workers()
        finally:
            over.set()
        statuses = [status for client in clients for status in client.result()]
    assert set(statuses) <= {200, None}
    assert statuses.count(None) <= 2 * TIMES * CLIENTS, "lost is only what a killed worker had begun"
    assert running.process.poll() is None


@pytest.mark.slow
def test_workers_may_be_killed_while_they_start(starting: Running) -> None:
    for _ in range(TIMES):
        children = psutil.Process(starting.process.pid).children()
        kill(starting, starting.started().intersection(child.pid for child in children))
    (starting.folder / "hold").unlink()
    assert len(starting.workers()) == 2


@pytest.mark.slow
def test_a_signal_ends_workers_that_are_still_starting(starting: Running) -> None:
    workers = starting.started()
    starting.process.send_signal(signal.SIGTERM)
    assert starting.process.wait(PATIENCE_S) == 0
    assert gone(workers)


@pytest.mark.slow
def test_workers_that_cannot_start_end_the_service(starting: Running) -> None:
    (starting.folder / "broken").touch()
    (starting.folder / "hold").unlink()
    assert starting.process.wait(PATIENCE_S) == 1
    assert len(starting.started()) == 2, "none is tried again"
    assert gone(starting.started())


@pytest.mark.slow
def test_one_that_cannot_start_later_is_tried_again_and_leaves_the_others_alone(running: Running) -> None:
    first, second = running.workers()
    (running.folder / "broken").touch()
    os.kill(first, signal.SIGKILL)
    until(lambda: len(running.started()) == 4)
    assert running.ask("/pid").json() == second
    (running.folder / "broken").unlink()
    assert second in running.workers(without=first)
