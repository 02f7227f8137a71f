"""`python -m benchmarks.milvus_capacity`: memory and CPU time of a real Milvus server by index type.

One server with a collection for each index type, filled through the service's own store with rows like those of a
catalog. Then the server is started again for each of them, and only that one is loaded: what its processes hold
more than before is the memory of the collection, and what they compute while it is searched is the CPU time of a
search. CPU time, unlike a rate, is hardly changed by what else the machine does. The points go into
`benchmarks/measured.json`, against which the capacity model is checked. Takes some minutes.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import psutil
import typer
from pymilvus import MilvusClient

from benchmarks.milvus_server import milvus_server
from benchmarks.records import product_record
from benchmarks.report import Report, Sheet, Value
from benchmarks.terminal import err
from service.encoders.encoder import EncoderInfo
from service.stores.milvus.milvus_store import MilvusStore
from service.stores.store import Record

INDEX_TYPES = ("FLAT", "IVF_FLAT", "HNSW")
LIMIT, SEARCHES, WARM_UP, BATCH = 9, 300, 30, 2048
QUIET_S, QUIET_CORES, PATIENCE_S = 8, 0.3, 120
"""A server is quiet when for so many seconds its memory stayed the same and less than this part of a core was busy."""


def records(rows: int, dimension: int) -> Iterator[list[Record]]:
    """Products with one image each and the fields of the demo shop, in batches; the same for the same numbers."""
    random = np.random.default_rng(0)
    for start in range(0, rows, BATCH):
        vectors = random.normal(size=(min(BATCH, rows - start), dimension)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        yield [product_record(start + place, vector) for place, vector in enumerate(vectors)]


def fill(uri: str, rows: int, dimension: int) -> None:
    """Make a collection for each index type, wait until its index is built, and release them."""
    client = MilvusClient(uri)
    for index_type in INDEX_TYPES:
        store = _store(uri, index_type)
        store.ensure(_info(dimension))
        for batch in records(rows, dimension):
            store.upsert(batch)
        [name] = [found for found in client.list_collections() if found.startswith(_name(index_type))]
        client.flush(name, timeout=300)
        while client.describe_index(name, "vector")["pending_index_rows"] > 0:
            time.sleep(1)
        store.close()
        err.print(f"{name}: {rows} rows are indexed")
    client.close()
    _let_go(uri)


def measure(uri: str, index_type: str, dimension: int) -> dict[str, float]:
    """Memory of one collection and CPU time of one search, in a server that was just started."""
    server = _server_of(uri)
    before = _quiet(server)
    store = _store(uri, index_type)
    store.ensure(_info(dimension))
    loaded = _quiet(server)
    queries = [record.vector for record in next(records(SEARCHES + WARM_UP, dimension))]
    for vector in queries[:WARM_UP]:
        store.search(vector, limit=LIMIT)
    idle, cpu, start = _idle_rate(server), _cpu(server), time.monotonic()
    for vector in queries[WARM_UP:]:
        store.search(vector, limit=LIMIT)
    used = _cpu(server) - cpu - idle * (time.monotonic() - start)
    store.close()
    _let_go(uri)
    return {"server_bytes": before, "bytes": loaded - before, "cpu_s_per_search": used / SEARCHES}


def _let_go(uri: str) -> None:
    """Release all collections, which a server would load again when it starts."""
    client = MilvusClient(uri)
    for name in client.list_collections():
        client.release_collection(name)
    client.close()


def _quiet(server: list[psutil.Process]) -> float:
    """Wait until the server has nothing to do; the bytes that it then holds."""
    patience = time.monotonic() + PATIENCE_S
    while True:
        cpu, held = _cpu(server), _resident(server)
        time.sleep(QUIET_S)
        busy, now = (_cpu(server) - cpu) / QUIET_S, _resident(server)
        if (busy < QUIET_CORES and abs(now - held) < 0.01 * held) or time.monotonic() > patience:
            return now


def _idle_rate(server: list[psutil.Process]) -> float:
    """CPU seconds a second that the server uses with nothing to do."""
    before = _cpu(server)
    time.sleep(5)
    return (_cpu(server) - before) / 5


def _server_of(uri: str) -> list[psutil.Process]:
    """The processes of the server at this address."""
    port = int(uri.rsplit(":", 1)[1])
    for process in psutil.Process().children(recursive=True):
        if any(found.laddr.port == port for found in process.net_connections() if found.status == psutil.CONN_LISTEN):
            return [process, *process.children(recursive=True)]
    raise RuntimeError("the server's process was not found")


def _resident(processes: list[psutil.Process]) -> float:
    """Bytes that only these processes hold; files in the system's cache are not counted."""
    return float(sum(process.memory_full_info().uss for process in processes))


def _cpu(processes: list[psutil.Process]) -> float:
    """CPU seconds so far."""
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def _name(index_type: str) -> str:
    return f"capacity_{index_type.lower()}"


def _info(dimension: int) -> EncoderInfo:
    return EncoderInfo("capacity", dimension, "capacity-1", frozenset({"image"}), 16)


def _store(uri: str, index_type: str) -> MilvusStore:
    return MilvusStore(uri, collection=_name(index_type), index_type=index_type, timeout_s=120)


def _points(folder: Path, rows: int, dimension: int) -> list[dict[str, Value]]:
    with milvus_server(folder) as uri:
        fill(uri, rows, dimension)
        _quiet(_server_of(uri))  # a server that is killed must have written down what was built
    with milvus_server(folder) as uri:
        _quiet(_server_of(uri))  # and what it then replays is not to be measured
    found: list[dict[str, Value]] = []
    for index_type in INDEX_TYPES:
        with milvus_server(folder) as uri:
            values = measure(uri, index_type, dimension)
        found.append({"rows": rows, "dimension": dimension, "index": index_type, **values})
        err.print(found[-1])
    return found


def main(
    rows: Annotated[int, typer.Option(min=1000, help="Rows of each collection.")] = 200_000,
    dimension: Annotated[int, typer.Option(min=2, help="Numbers in a vector.")] = 384,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        points = _points(Path(folder), rows, dimension)
    Report([Sheet("A collection in a Milvus server of its own", points)]).show(as_json=as_json)


if __name__ == "__main__":
    typer.run(main)
