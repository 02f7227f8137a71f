"""`python -m benchmarks.startup`: time until the service is ready, and its memory use.

`withthis serve` with the starter models over a small demo shop, restarted for each round. *Ready* are the seconds
from the start of the process to the first `/readyz` with status 200; the best round counts. Memory is that of the
process and its workers, when ready, and after some composed searches when it no longer grows. RSS counts a page that
two processes share twice, PSS (`/proc/PID/smaps_rollup`) half for each: PSS is what the machine has less.

The first table is about the reranking model: in the process, there but switched off, or on a model server, of which
the process then knows only the address (nothing answers there; the searches do not rerank). The floor is what importing
the service takes. The second is about two processes on one host, on a Milvus server that is started for it (the package
`milvus`; left out where it cannot start): `--workers 2` against two services of one process each. There *ready* is the
first process that answers.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import httpx
import typer

from benchmarks.load import bodies
from benchmarks.machine import ROOT
from benchmarks.milvus_server import MilvusServerError, milvus_server
from benchmarks.report import Report, Sheet, Value
from benchmarks.service_process import RunningService, index, serving
from benchmarks.terminal import err
from starter.demo_shop import DEMO_DIR, make_shop

Row = dict[str, float]
IMPORTS = """import json, psutil, service.cli, service.app, service.build
found = psutil.Process().memory_full_info()
print(json.dumps({"RSS": found.rss / 1e6, "PSS": getattr(found, "pss", 0) / 1e6}))"""
RERANKING: dict[str, dict[str, str]] = {
    "model in the process": {},
    "model in the process, switched off": {"WITHTHIS_RERANK_ENABLED": "false"},
    "model on a server": {
        "WITHTHIS_RERANK_ENABLED": "false",
        "WITHTHIS_ENGINE": "openai-compatible",
        "WITHTHIS_ENGINE_URL": "http://127.0.0.1:9/v1",
        "WITHTHIS_ENGINE_MODEL": "elsewhere",
    },
}
PRODUCTS, CLIENTS = 90, 4
STEADY_S, STEADY, PATIENCE_S = 3.0, 0.01, 60.0
"""Memory is steady if it changes by less than this part in so many seconds."""


def imports() -> Row:
    """What a process takes that only imports the service."""
    begin = time.monotonic()
    done = subprocess.run([sys.executable, "-c", IMPORTS], check=True, stdout=subprocess.PIPE, text=True)
    found: Row = json.loads(done.stdout)
    return {"ready": time.monotonic() - begin, **found, **_after(found)}


def once(
    environments: Sequence[Mapping[str, str]], options: Sequence[str], queries: Sequence[bytes], code: Path = ROOT
) -> Row:
    """Start a service for each environment, one at a time, ask all of them, and stop them. `code`: the checkout."""
    with ExitStack() as stack:
        services = [stack.enter_context(serving(one, *options, code=code)) for one in environments]
        memory = _steady(services)
        _ask(services, queries)
        return {"ready": services[0].ready_s, **memory, **_after(_steady(services))}


def best(rounds: Sequence[Row]) -> Row:
    """The least of each figure."""
    return {name: min(one[name] for one in rounds) for name in rounds[0]}


def _after(memory: Row) -> Row:
    return {"PSS after searches": memory["PSS"]}


def _ask(services: Sequence[RunningService], queries: Sequence[bytes]) -> None:
    """Send all searches, several at a time, over connections of their own, so that every worker gets some."""

    def ask(service: RunningService, query: bytes) -> None:
        headers = {"Content-Type": "application/json"}
        httpx.post(f"{service.url}/v1/search", content=query, headers=headers, timeout=PATIENCE_S).raise_for_status()

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(ask, itertools.cycle(services), queries))


def _steady(services: Sequence[RunningService]) -> Row:
    """Memory of all, in MB, when it no longer changes; workers may load longer than the first one that is ready."""
    patience, before = time.monotonic() + PATIENCE_S, _memory(services)
    while True:
        time.sleep(STEADY_S)
        now = _memory(services)
        if abs(now["RSS"] - before["RSS"]) < STEADY * now["RSS"] or time.monotonic() > patience:
            return now
        before = now


def _memory(services: Sequence[RunningService]) -> Row:
    found = [service.family_mb() for service in services]
    return {name: sum(one[name] for one in found) for name in ("RSS", "PSS")}


def reranking(folder: Path, feed: Path, rounds: int, searches: int) -> Sheet:
    """The first table, on Milvus Lite."""
    base = {"WITHTHIS_DATA_DIR": str(folder), "WITHTHIS_LOG_LEVEL": "WARNING"}
    index(feed, base)
    found = {"imports alone": best([imports() for _ in range(rounds)])}
    for name, settings in RERANKING.items():
        err.print(name)
        queries = _queries(feed, searches, rerank=not settings)
        found[name] = best([once([base | settings], (), queries) for _ in range(rounds)])
    return sheet("Start and memory by where the reranking model is", found, next(iter(RERANKING)))


def processes(folder: Path, feed: Path, rounds: int, searches: int) -> Sheet:
    """The second table. MilvusServerError where no server can be started."""
    with milvus_server(folder) as uri:
        base = {"WITHTHIS_DATA_DIR": str(folder), "WITHTHIS_LOG_LEVEL": "WARNING", "WITHTHIS_STORE_URI": uri}
        index(feed, base)
        queries, found = _queries(feed, searches, rerank=True), {}
        for name, services, options in (
            ("two services", 2, ()),
            ("--workers 2", 1, ("--workers", "2")),
            ("one service", 1, ()),
        ):
            err.print(name)
            found[name] = best([once([base] * services, options, queries) for _ in range(rounds)])
    return sheet("Two processes on one host, on a Milvus server", found, "two services")


def sheet(title: str, found: Mapping[str, Row], base: str) -> Sheet:
    """A table with ratios to one of its rows."""
    rows: list[dict[str, Value]] = [
        {
            "service": name,
            "ready, s": row["ready"],
            "ratio": row["ready"] / found[base]["ready"],
            "RSS when ready, MB": row["RSS"],
            "PSS when ready, MB": row["PSS"],
            "PSS after searches, MB": row["PSS after searches"],
            "ratio of that PSS": _ratio(row["PSS after searches"], found[base]["PSS after searches"]),
        }
        for name, row in found.items()
    ]
    return Sheet(title, rows, {"ready, s": ".2f", "ratio": ".2f", "ratio of that PSS": ".2f"})


def _ratio(value: float, base: float) -> float | None:
    return value / base if base else None


def _queries(feed: Path, searches: int, *, rerank: bool) -> list[bytes]:
    images = sorted(feed.parent.glob("images/*"))
    return list(itertools.islice(bodies(images, rerank=rerank), searches))


def main(
    rounds: Annotated[int, typer.Option(min=1, help="Starts of each kind; the best figures count.")] = 3,
    searches: Annotated[int, typer.Option(min=1, help="Composed searches after each start.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Measure and print."""
    feed = make_shop(DEMO_DIR / f"shop-{PRODUCTS}", PRODUCTS)
    notes = []
    with tempfile.TemporaryDirectory() as lite, tempfile.TemporaryDirectory() as server:
        sheets = [reranking(Path(lite), feed, rounds, searches)]
        try:
            sheets.append(processes(Path(server), feed, rounds, searches))
        except MilvusServerError as error:
            notes.append(f"Left out: {error}.")
    Report(sheets, notes).show(as_json=as_json)


if __name__ == "__main__":
    typer.run(main)
