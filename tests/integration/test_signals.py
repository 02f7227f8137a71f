"""Every signal ends a service politely: what is in flight is answered, and the store is closed, once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

ROOT = Path(__file__).parents[2]
PATIENCE_S = 300
SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]
AS_PID_1 = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"]


def until(true: Callable[[], bool]) -> None:
    patience = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < patience
        time.sleep(0.02)


@contextmanager
def served(folder: Path, prefix: Sequence[str] = ()) -> Iterator[tuple[int, str]]:
    """A service in a process of its own: its process id and its address."""
    command = [*prefix, sys.executable, "-m", "tests.integration.serve_entry", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        try:
            yield psutil.Process(process.pid).children()[0].pid if prefix else process.pid, url
            assert process.wait(PATIENCE_S) == 0
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def ask(pool: ThreadPoolExecutor, url: str, folder: Path) -> Future[httpx.Response]:
    """A search that is in flight."""
    answer = pool.submit(httpx.post, f"{url}/v1/search", json={"text": "a mug"}, timeout=PATIENCE_S)
    until((folder / "asked").exists)
    return answer


@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_answers_what_is_in_flight_and_closes_the_store_once(tmp_path: Path, number: int) -> None:
    with served(tmp_path) as (pid, url), ThreadPoolExecutor(1) as pool:
        answer = ask(pool, url, tmp_path)
        os.kill(pid, number)
        (tmp_path / "go").touch()
        assert answer.result().status_code == 200
        until(lambda: not accepts(url))
        for _ in range(3):
            os.kill(pid, number)  # the store is being closed
    assert (tmp_path / "closed").read_text() == "once\n"


@pytest.mark.slow
def test_a_second_interrupt_waits_for_no_answer_but_closes_the_store(tmp_path: Path) -> None:
    with served(tmp_path) as (pid, url), ThreadPoolExecutor(1) as pool:
        answer = ask(pool, url, tmp_path)
        os.kill(pid, signal.SIGINT)
        until(lambda: not accepts(url))
        os.kill(pid, signal.SIGINT)
        answer.exception(PATIENCE_S)  # or an error's answer
        (tmp_path / "go").touch()  # the reranker's thread
    assert (tmp_path / "closed").read_text() == "once\n"


@pytest.mark.slow
def test_the_first_process_of_a_container_ends_as_politely(tmp_path: Path) -> None:
    if shutil.which("unshare") is None or subprocess.run([*AS_PID_1, "true"], check=False).returncode:
        pytest.skip("no namespaces for processes here")
    with served(tmp_path, AS_PID_1) as (pid, url):
        assert httpx.get(f"{url}/healthz").status_code == 200
        os.kill(pid, signal.SIGTERM)
    assert (tmp_path / "closed").read_text() == "once\n"


@pytest.mark.slow
def test_a_service_that_is_to_outlive_its_terminal_does(tmp_path: Path) -> None:
    with served(tmp_path, ["sh", "-c", 'trap "" HUP; "$@"', "sh"]) as (pid, url):
        os.kill(pid, signal.SIGHUP)
        assert httpx.get(f"{url}/healthz").status_code == 200
        os.kill(pid, signal.SIGTERM)


def accepts(url: str) -> bool:
    """True while the service takes connections."""
    try:
        httpx.get(f"{url}/healthz", timeout=PATIENCE_S)
    except httpx.TransportError:
        return False
    return True
