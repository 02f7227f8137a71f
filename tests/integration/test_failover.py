"""Two workers on a real Milvus server under load: one is killed, and nothing is lost but what it was working on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest
from prometheus_client.multiprocess import MultiProcessCollector

from benchmarks.service_process import free_port
from starter.demo_shop import make_shop

SEARCHES, CLIENTS, KILL_AFTER, START_S = 1000, 8, 300, 180
CLIENT = httpx.Client(timeout=60, limits=httpx.Limits(max_keepalive_connections=0))
"""A connection for each request, so that any worker may take it."""
WITHTHIS = [sys.executable, "-c", "from service.cli import main; main()"]


@dataclass(frozen=True)
class Asked:
    """One request: when, and its status; None if the connection broke."""

    began: float
    ended: float
    status: int | None


def ask(url: str, **request: object) -> Asked:
    """One request."""
    began, status = time.monotonic(), None
    with suppress(httpx.TransportError):
        status = CLIENT.request(url=url, **request).status_code  # type: ignore[arg-type]
    return Asked(began, time.monotonic(), status)


@contextmanager
def serving(url: str, env: dict[str, str]) -> Iterator[psutil.Process]:
    """`withthis serve --workers 2`; its supervisor, once both workers answer."""
    command = [*WITHTHIS, "serve", "--workers", "2", "--port", url.rsplit(":", 1)[1]]
    with subprocess.Popen(command, env=env) as process:
        supervisor = psutil.Process(process.pid)
        try:
            yield supervisor
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0


def answered(metrics: Path) -> dict[str, float]:
    """Searches that each worker has answered, by process id."""
    found = {}
    for file in metrics.glob("withthis-metrics-*/counter_*.db"):
        families = MultiProcessCollector.merge([str(file)])  # type: ignore[no-untyped-call]
        samples = [sample for family in families for sample in family.samples]
        route = [s.value for s in samples if s.labels.get("route") == "/v1/search" and s.labels["status"] == "200"]
        found[file.stem.removeprefix("counter_")] = sum(route)
    return found


def wait_for_workers(metrics: Path, url: str, count: int, without: int = 0) -> set[int]:
    """The workers, once there are so many and each has answered a search."""
    patience = time.monotonic() + START_S
    while time.monotonic() < patience:
        ask(f"{url}/v1/search", method="POST", json={"text": "a mug", "rerank": {"enabled": False}})
        pids = {int(pid) for pid, searches in answered(metrics).items() if searches and int(pid) != without}
        if len(pids) >= count:
            return pids
    raise AssertionError("the workers did not start")


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_a_killed_worker_loses_only_what_it_was_working_on(milvus_uri: str, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    env = {
        **os.environ,
        "WITHTHIS_STORE_URI": milvus_uri,
        "WITHTHIS_COLLECTION": "failover",
        "WITHTHIS_DATA_DIR": str(tmp_path / "data"),
        "WITHTHIS_SEARCH_QUEUE": "64",
        "WITHTHIS_LOG_LEVEL": "WARNING",
        "TMPDIR": str(tmp_path),
    }
    feed = make_shop(tmp_path / "shop", 60)
    subprocess.run([*WITHTHIS, "index", str(feed)], env=env, check=True)
    with serving(url, env):
        first, second = sorted(wait_for_workers(tmp_path, url, 2))
        before = sum(answered(tmp_path).values())
        searches, probes, killed_at = load(url, first)
        survivors = wait_for_workers(tmp_path, url, 2, without=first)
        counted = answered(tmp_path)

    lost = [one for one in searches if one.status is None]
    assert [one.status for one in searches if one.status not in (200, None)] == []
    assert all(one.began <= killed_at <= one.ended + 0.5 for one in lost) and len(lost) <= CLIENTS
    assert [one for one in probes if one.status != 200 and not one.began <= killed_at <= one.ended + 0.5] == []
    assert second in survivors and first not in survivors
    assert min(counted[str(first)], counted[str(second)]) > 0
    done = len(searches) - len(lost)
    assert sum(counted.values()) - before >= done, "the counts of the dead worker are kept"
    print(f"{done} of {SEARCHES} answered, {len(lost)} lost, {len(probes)} probes, by worker: {counted}")


def load(url: str, victim: int) -> tuple[list[Asked], list[Asked], float]:
    """All searches, from several clients at once, and what `/readyz` said meanwhile; when the victim was killed."""
    query = {"text": "a phone case with this", "image": {"product_id": "P0001"}, "rerank": {"enabled": False}}
    begun, lock, over, killed = iter(range(SEARCHES)), threading.Lock(), threading.Event(), []

    def search(_: int) -> Asked:
        with lock:
            if next(begun) == KILL_AFTER:
                os.kill(victim, signal.SIGKILL)
                killed.append(time.monotonic())
        return ask(f"{url}/v1/search", method="POST", json=query)

    def probe() -> list[Asked]:
        found = []
        while not over.wait(0.1):
            found.append(ask(f"{url}/readyz", method="GET"))
        return found

    with ThreadPoolExecutor(CLIENTS + 1) as pool:
        probing = pool.submit(probe)
        searches = list(pool.map(search, range(SEARCHES)))
        over.set()
        return searches, probing.result(), killed[0]
