"""`python -m benchmarks.load`: the running service under many clients at once, and what it costs on top of the models.

`withthis serve` runs in its own process over the demo shop, indexed into a temporary folder; the clients are
coroutines of this process. Every search is composed: a sentence and a product's image, each image once until all
were shown. Both parts run with reranking and without.

*Load*: so many clients ask for so many seconds, each as soon as it has its answer. A client that gets a 429 waits as
long as `Retry-After` says, and its times are not counted. Aim, with 32 clients for 60 s: no status but 200
and 429, and memory that does not grow.

*Own time*: one client asks one search after the other, so that nothing waits for anything but itself; it is a bare
connection, since the work of a client library is not the service's. The time that is the service's own is that between
the first byte sent and the last one received (`http` and all stages), without the stages `embed`, `extract`, `caption`
and `rerank`, which are the models', and `retrieve`, which is the store's. What is left is shown by part: `decode` (the
query's image), `load` (reading the candidates' images), `http` (the client's time less the service's `total`: HTTP,
JSON, admission), and `other` (what no stage counts). Preparing panel and prompt counts as `rerank` here;
`benchmarks.rerank_overhead` measures it. Aim: p50 at most 5 ms.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import typer

from benchmarks.report import Report, Sheet, Value
from benchmarks.service_process import RunningService, running_service
from benchmarks.terminal import err
from starter.demo_shop import DEMO_DIR, make_shop

TEXTS = ("a phone case with this", "this design on a cushion", "a mug like this", "the same as a poster")
MODELS_AND_STORE = ("embed", "retrieve", "extract", "caption", "rerank")
PARTS = ("http", "decode", "load", "other", "own")
WARM_UP = 5
PATIENCE_S = 120.0


@dataclass
class Seen:
    """What the clients saw: seconds of the answers with status 200, and how often each status came."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)


def bodies(images: Sequence[Path], *, rerank: bool) -> Iterator[bytes]:
    """Composed searches without end, as JSON."""
    for text, image in zip(itertools.cycle(TEXTS), itertools.cycle(images), strict=False):
        uri = f"data:image/{image.suffix[1:].replace('jpg', 'jpeg')};base64," + base64.b64encode(
            image.read_bytes()
        ).decode("ascii")
        yield json.dumps({"text": text, "image": {"data": uri}, "rerank": {"enabled": rerank}}).encode()


async def search(client: httpx.AsyncClient, body: bytes) -> tuple[httpx.Response | None, float]:
    """The answer, None if there was none, and the seconds that it took."""
    begin = time.perf_counter()
    try:
        answer = await client.post("/v1/search", content=body, headers={"Content-Type": "application/json"})
    except httpx.TransportError:
        answer = None
    return answer, time.perf_counter() - begin


async def ask_until(end: float, client: httpx.AsyncClient, queries: Iterator[bytes], seen: Seen) -> None:
    """One client of the load, until `end`, a value of `time.monotonic()`."""
    while time.monotonic() < end:
        answer, seconds = await search(client, next(queries))
        seen.statuses[str(answer.status_code) if answer else "no answer"] += 1
        if answer is not None and answer.status_code == 200:
            seen.seconds.append(seconds)
        elif answer is not None and answer.status_code == 429:
            await asyncio.sleep(float(answer.headers["Retry-After"]))


async def load(service: RunningService, queries: Iterator[bytes], clients: int, seconds: float) -> dict[str, Any]:
    """Rates, times (ms), statuses and memory (MB) under so many clients."""
    seen, resident = Seen(), service.resident_mb()
    begin = time.monotonic()
    limits = httpx.Limits(max_connections=clients)
    async with httpx.AsyncClient(base_url=service.url, limits=limits, timeout=PATIENCE_S) as client:
        await asyncio.gather(*(ask_until(begin + seconds, client, queries, seen) for _ in range(clients)))
    elapsed = time.monotonic() - begin
    return {
        "searches_per_s": round(len(seen.seconds) / elapsed, 2),
        **percentiles([one * 1000 for one in seen.seconds], (50, 95, 99)),
        "statuses": dict(sorted(seen.statuses.items())),
        "resident_mb": [round(resident), round(service.resident_mb())],
    }


def own_time(service: RunningService, queries: Iterator[bytes], searches: int) -> dict[str, Any]:
    """p50 and p95 (ms) of each part of the time that is neither the models' nor the store's."""
    found: dict[str, list[float]] = {part: [] for part in PARTS}
    with closing(HTTPConnection(urlsplit(service.url).netloc, timeout=PATIENCE_S)) as connection:
        for number in range(searches + WARM_UP):
            timings, seconds = alone(connection, next(queries))
            if number >= WARM_UP:
                for part, ms in parts_of(seconds * 1000, timings).items():
                    found[part].append(ms)
    return {part: percentiles(values, (50, 95)) for part, values in found.items()}


def alone(connection: HTTPConnection, body: bytes) -> tuple[dict[str, float], float]:
    """One search over a connection that stays open: the stages' milliseconds, and the seconds seen from here."""
    begin = time.perf_counter()
    connection.request("POST", "/v1/search", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    content = answer.read()
    seconds = time.perf_counter() - begin
    if answer.status != 200:
        raise RuntimeError("a search without load was not answered")
    timings: dict[str, float] = json.loads(content)["timings_ms"]
    return timings, seconds


def parts_of(seen_ms: float, timings: dict[str, float]) -> dict[str, float]:
    """The service's own part of one search, by `PARTS`; `seen_ms` by the client's clock."""
    total = timings["total"]
    decode, read = timings["decode"], timings.get("load", 0.0)
    foreign = sum(timings.get(stage, 0.0) for stage in MODELS_AND_STORE)
    parts = {"http": seen_ms - total, "decode": decode, "load": read, "other": total - foreign - decode - read}
    return parts | {"own": seen_ms - foreign}


def percentiles(values: Sequence[float], which: Sequence[int]) -> dict[str, float | None]:
    """`p50` and so on; None of nothing."""
    return {f"p{p}": round(float(np.percentile(values, p)), 2) if values else None for p in which}


def measure(service: RunningService, files: Sequence[Path], clients: int, seconds: float, searches: int) -> Any:
    """Both parts, with reranking and without."""
    found: dict[str, dict[str, Any]] = {"own": {}, "load": {}}
    for name, rerank in (("without", False), ("rerank", True)):
        queries = bodies(files, rerank=rerank)
        with err.status(f"{name}: one client"):
            found["own"][name] = own_time(service, queries, searches)
        with err.status(f"{name}: {clients} clients for {seconds:g} s"):
            found["load"][name] = asyncio.run(load(service, queries, clients, seconds))
    return found


def report(found: dict[str, dict[str, Any]], title: str) -> Report:
    """Two tables."""
    under_load: list[dict[str, Value]] = [
        {
            "": name,
            "searches/s": row["searches_per_s"],
            **{f"{p} ms": row[p] for p in ("p50", "p95", "p99")},
            "statuses": ", ".join(f"{status}: {count}" for status, count in row["statuses"].items()),
            "RSS MB": " → ".join(map(str, row["resident_mb"])),
        }
        for name, row in found["load"].items()
    ]
    alone: list[dict[str, Value]] = [
        {"": name, **{part: f"{row[part]['p50']:.1f} ({row[part]['p95']:.1f})" for part in PARTS}}
        for name, row in found["own"].items()
    ]
    return Report([Sheet(title, under_load), Sheet("Own time of one search, ms: p50 (p95)", alone)])


def main(
    clients: Annotated[int, typer.Option(min=1, max=1000, help="Clients at the same time.")] = 32,
    seconds: Annotated[float, typer.Option(min=1, help="Seconds of load, each time.")] = 60,
    searches: Annotated[int, typer.Option(min=1, help="Searches without load.")] = 100,
    products: Annotated[int, typer.Option(min=9, help="Products of the demo shop.")] = 900,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Measure and print."""
    feed = make_shop(DEMO_DIR / f"shop-{products}", products)
    files = sorted(feed.parent.glob("images/*"))
    with tempfile.TemporaryDirectory() as folder, running_service(feed, Path(folder)) as service:
        found = measure(service, files, clients, seconds, searches)
    report(found, f"{clients} clients for {seconds:g} s, {products} products").show(as_json=as_json)


if __name__ == "__main__":
    typer.run(main)
