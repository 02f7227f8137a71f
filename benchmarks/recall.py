"""`python -m benchmarks.recall`: recall of approximate indexes compared with exact search, and speed.

Recall@10 of a query is the part of the ten answers that are at least as near as the tenth nearest product, so that
equal vectors may stand for each other (ann-benchmarks counts so, too). Searches go through the service's own stores,
one at a time, with grouping by product and all. The vectors are those of `benchmarks.demo_vectors`. Measured are
Milvus Lite, and a real server that is started for it (the package `milvus`; left out where it cannot start), where all
is flushed and indexed before the clock starts. The target is a recall of 0.98 for HNSW.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from pymilvus import MilvusClient

from benchmarks.demo_vectors import demo_vectors, spread
from benchmarks.milvus_server import MilvusServerError, milvus_server
from benchmarks.records import product_record
from benchmarks.report import Report, Sheet, Value
from benchmarks.terminal import err
from service.build import load_encoder
from service.encoders.encoder import EncoderInfo
from service.settings import load_settings
from service.stores.exact.exact_store import ExactStore
from service.stores.milvus.milvus_store import MilvusStore
from service.stores.store import Record, Store, Vector
from service.support.batches import in_batches

INDEX_TYPES = ("FLAT", "IVF_FLAT", "HNSW")
K = 10
TARGET = 0.98
_BATCH = 1000
_EQUAL = 1e-5  # cosines of float32 vectors that differ by less
_WARM_UP = 20
_BUILD_S = 600


@dataclass(frozen=True, slots=True)
class Measured:
    """One row of the table; `recall` is the mean over the queries, `worst` the least of one."""

    store: str
    index: str
    recall: float
    worst: float
    per_second: float


def records(vectors: Vector) -> list[Record]:
    """Products with one image each."""
    return [product_record(number, vector) for number, vector in enumerate(vectors)]


def truth(vectors: Vector, queries: Vector) -> list[float]:
    """The cosine of the tenth nearest product of each query."""
    return [float(np.sort(vectors @ query)[-K]) for query in queries]


def measure(name: str, index: str, store: Store, queries: Vector, least: list[float]) -> Measured:
    """Search with every query, once to count and once on the clock."""
    found = [[hit.score for hit in store.search(query, limit=K)] for query in queries]
    recalls = [sum(score >= tenth - _EQUAL for score in scores) / K for scores, tenth in zip(found, least, strict=True)]
    for query in queries[:_WARM_UP]:
        store.search(query, limit=K)
    begin = time.perf_counter()
    for query in queries:
        store.search(query, limit=K)
    rate = len(queries) / (time.perf_counter() - begin)
    return Measured(name, index, float(np.mean(recalls)), min(recalls), rate)


def fill(store: Store, rows: list[Record], info: EncoderInfo) -> None:
    """Write all rows."""
    store.ensure(info)
    for batch in in_batches(rows, _BATCH):
        store.upsert(batch)


def on_lite(rows: list[Record], info: EncoderInfo, queries: Vector, least: list[float]) -> Iterator[Measured]:
    """Milvus Lite, closed and opened again before it is searched, so that its index is the one on disk."""
    for index in INDEX_TYPES:
        with tempfile.TemporaryDirectory() as folder:
            store = MilvusStore(f"{folder}/milvus.db", index_type=index, timeout_s=_BUILD_S)
            fill(store, rows, info)
            store.close()
            store.ensure(info)
            yield measure("Milvus Lite", index, store, queries, least)
            store.close()


def on_server(rows: list[Record], info: EncoderInfo, queries: Vector, least: list[float]) -> Iterator[Measured]:
    """A server of its own, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder, milvus_server(Path(folder)) as uri:
        for index in INDEX_TYPES:
            name = f"recall_{index.lower()}"
            store = MilvusStore(uri, collection=name, index_type=index, timeout_s=_BUILD_S)
            fill(store, rows, info)
            _wait_for_the_index(uri, name)
            yield measure("Milvus server", index, store, queries, least)
            store.close()


def _wait_for_the_index(uri: str, name: str) -> None:
    """Until all rows are written down, indexed, and loaded with their index."""
    client = MilvusClient(uri)
    client.flush(name, timeout=_BUILD_S)
    patience = time.monotonic() + _BUILD_S
    while client.describe_index(name, "vector")["pending_index_rows"] > 0 and time.monotonic() < patience:
        time.sleep(0.5)
    client.release_collection(name)
    client.load_collection(name)
    client.close()


def all_measured(vectors: Vector, queries: Vector, *, server: bool) -> Iterator[Measured]:
    """Exact search first, which the others are compared with."""
    rows, least = records(vectors), truth(vectors, queries)
    info = EncoderInfo("recall", vectors.shape[1], "recall-1", frozenset({"image"}), 16)
    exact = ExactStore()
    fill(exact, rows, info)
    yield measure("exact (NumPy)", "-", exact, queries, least)
    yield from on_lite(rows, info, queries, least)
    if not server:
        return
    try:
        yield from on_server(rows, info, queries, least)
    except MilvusServerError as error:
        err.print(str(error))


def sheet(rows: list[Measured], title: str) -> Sheet:
    """The table, with rates as parts of exact search."""
    shown: list[dict[str, Value]] = [
        {
            "store": row.store,
            "index": row.index,
            f"recall@{K}": row.recall,
            "worst query": row.worst,
            "queries/s": row.per_second,
            "ratio to exact": row.per_second / rows[0].per_second,
        }
        for row in rows
    ]
    return Sheet(title, shown, {f"recall@{K}": ".4f", "worst query": ".1f", "ratio to exact": ".2f"})


def main(
    vectors: Annotated[int, typer.Option(min=100, help="Products in each store.")] = 50_000,
    rendered: Annotated[int, typer.Option(min=50, help="How many of them are really drawn and encoded.")] = 3_000,
    queries: Annotated[int, typer.Option(min=1, help="Composed queries.")] = 300,
    server: Annotated[bool, typer.Option(help="Measure a Milvus server, too.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Measure and print; ends with 1 if an HNSW index misses the target."""
    encoder = load_encoder(load_settings())
    real, asked = demo_vectors(encoder, min(rendered, vectors), queries)
    rows = []
    for row in all_measured(spread(real, vectors), asked, server=server):
        err.print(f"{row.store}, {row.index}: {row.recall:.4f}")
        rows.append(row)
    title = f"{vectors} vectors, {len(real)} of them drawn; {queries} composed queries; encoder {encoder.info.id}"
    Report([sheet(rows, title)]).show(as_json=as_json)
    if any(row.recall < TARGET for row in rows if row.index == "HNSW"):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
