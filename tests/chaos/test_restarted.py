"""A Milvus server that is killed and restarted answers with the whole catalog or not at all."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from benchmarks.milvus_server import MilvusProcess, MilvusServerError
from service.errors import StoreUnavailable
from service.stores.milvus.milvus_store import MilvusStore
from tests.integration.records import INFO, record, unit

ROOT = Path(__file__).parents[2]
PRODUCTS, RESTARTS, AFTER_S, PATIENCE_S = 300, 3, 3.0, 120.0
_FILL = """
import sys
from tests.chaos.test_restarted import fill
fill(sys.argv[1])
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MilvusProcess]:
    """A server of its own, full, and the process that filled it is gone."""
    try:
        server = MilvusProcess(tmp_path)
        server.start()
    except MilvusServerError as error:
        pytest.skip(str(error))
    try:
        subprocess.run([sys.executable, "-c", _FILL, server.uri], cwd=ROOT, check=True)
        yield server
    finally:
        server.kill()


def fill(uri: str) -> None:
    """Products that are in the server's log alone: nothing is flushed."""
    store = MilvusStore(uri, timeout_s=60)
    store.ensure(INFO)
    for start in range(0, PRODUCTS, 50):
        store.write([[record(f"p{number}", seed=number)] for number in range(start, start + 50)])
    store.close()


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_a_server_that_starts_anew_answers_whole_or_not_at_all(server: MilvusProcess) -> None:
    store = MilvusStore(server.uri)
    store.ensure(INFO)
    ids = [f"p{number}#0" for number in range(PRODUCTS)]
    reads: dict[str, Callable[[], int]] = {
        "search": lambda: len(store.search(unit(1), limit=PRODUCTS + 1)),
        "count": store.count,
        "hashes": lambda: len(store.hashes(ids)),
        "products": lambda: len(store.products([f"p{number}" for number in range(PRODUCTS)])),
        "scan": lambda: sum(map(len, store.scan())),
        "page": lambda: len(store.page(after="", limit=PRODUCTS + 1)),
    }
    assert {name: read() for name, read in reads.items()} == dict.fromkeys(reads, PRODUCTS)
    for _ in range(RESTARTS):
        assert answers_over_a_restart(server, reads) == {name: {PRODUCTS} for name in reads}
    store.close()


def answers_over_a_restart(server: MilvusProcess, reads: dict[str, Callable[[], int]]) -> dict[str, set[int]]:
    """All that each read has answered from the kill until a while after all of them answer again."""
    answers: dict[str, set[int]] = {name: set() for name in reads}
    over = threading.Event()

    def ask(name: str, read: Callable[[], int]) -> None:
        while not over.is_set():
            with suppress(StoreUnavailable):
                answers[name].add(read())
            time.sleep(0.02)

    server.kill()
    threads = [threading.Thread(target=ask, args=one) for one in reads.items()]
    for thread in threads:
        thread.start()
    try:
        server.start()
        patience = time.monotonic() + PATIENCE_S
        while not all(answers.values()) and time.monotonic() < patience:
            time.sleep(0.1)
        time.sleep(AFTER_S)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    return answers
