"""What is measured together: each probe prepares both checkouts once, and gives some rows of the table at a time."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Any, ClassVar, Protocol
from urllib.parse import urlsplit

from benchmarks.image_load import NUMBER, Kind
from benchmarks.load import PATIENCE_S, TEXTS, WARM_UP, alone, bodies, load, parts_of
from benchmarks.milvus_server import milvus_server
from benchmarks.service_process import RunningService, index, serving
from benchmarks.startup import once
from benchmarks.versus.tree import Tree

Values = dict[str, float]
CLIENTS = 32


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured in one alternation."""

    searches: int
    reranked: int
    load_s: float
    reranked_load_s: float
    images: int
    rows: int
    put_rows: int


class Probe(Protocol):
    """`rows`: what it measures; `most`: alternations enough for it, because its values hardly vary or take long."""

    @property
    def rows(self) -> Sequence[str]:
        """Keys of the table."""
        ...

    @property
    def most(self) -> int:
        """A number of alternations."""
        ...

    def prepare(self, tree: Tree, wanted: set[str]) -> None:
        """What has to be there before the first measurement of these rows."""
        ...

    def measure(self, tree: Tree, wanted: set[str]) -> Values:
        """One value for each of these rows."""
        ...


class Shop:
    """A service over the demo shop."""

    rows = ("ready", "composed", "own", "reranked", "memory", "throughput", "throughput-reranked")
    most = 99

    def __init__(self, feed: Path, extent: Extent) -> None:
        self._feed, self._extent = feed, extent
        self._images = sorted(feed.parent.glob("images/*"))

    def prepare(self, tree: Tree, wanted: set[str]) -> None:
        """Index the shop."""
        index(self._feed, tree.environment("shop"), code=tree.code)

    def measure(self, tree: Tree, wanted: set[str]) -> Values:
        """Start, ask one search at a time, then under load."""
        extent, found = self._extent, {}
        with serving(tree.environment("shop"), code=tree.code) as service:
            found["ready"] = service.ready_s
            if wanted & {"composed", "own", "memory"}:
                found |= self._alone(service, extent.searches, "composed", rerank=False)
            if wanted & {"reranked", "memory"}:
                found |= {"reranked": self._alone(service, extent.reranked, "reranked", rerank=True)["reranked"]}
            found["memory"] = service.resident_mb()
            for row, seconds in (("throughput", extent.load_s), ("throughput-reranked", extent.reranked_load_s)):
                if row in wanted:
                    queries = bodies(self._images, rerank=row != "throughput")
                    found[row] = asyncio.run(load(service, queries, CLIENTS, seconds))["searches_per_s"]
        return found

    def _alone(self, service: RunningService, searches: int, row: str, *, rerank: bool) -> Values:
        queries = itertools.islice(bodies(self._images, rerank=rerank), searches + WARM_UP)
        answers = [(seconds * 1000, timings) for timings, seconds in ask(service, queries)][WARM_UP:]
        own = median(parts_of(ms, timings)["own"] for ms, timings in answers)
        return {row: median(ms for ms, _ in answers), "own": own}


class Catalog:
    """A service over numbered products on Milvus Lite, and eighteen with large images."""

    rows = ("load-jpeg", "load-png", "filter", "hybrid", "faceted")
    most = 3
    _KINDS: Mapping[str, Kind] = {
        "load-jpeg": Kind("jpeg", 3000, "JPEG"),
        "load-png": Kind("png", 3000, "PNG", "RGBA"),
    }
    _SEARCHES = 12
    _LARGE: ClassVar[dict[str, str]] = {"WITHTHIS_MAX_IMAGE_BYTES": str(100 * 2**20)}

    def __init__(self, folder: Path, query: Path, extent: Extent) -> None:
        self._folder, self._query, self._extent = folder, query, extent

    def prepare(self, tree: Tree, wanted: set[str]) -> None:
        """Write the products."""
        if wanted & {"filter", "hybrid", "faceted"}:
            tree.run("rows_in_lite.py", "fill", str(tree.folder / "catalog"), str(self._extent.rows))
        if wanted & self._KINDS.keys():
            index(self._feed(), tree.environment("catalog") | self._LARGE, code=tree.code)

    def measure(self, tree: Tree, wanted: set[str]) -> Values:
        """The large images first, so that nothing has read them yet in this process."""
        found: Values = {}
        with serving(tree.environment("catalog") | self._LARGE, code=tree.code) as service:
            for row in self._KINDS:
                if row in wanted:
                    found[row] = self._load_ms(service, row)
            if wanted - self._KINDS.keys():
                self._many(service)  # builds the index of words
            plain = self._many(service) if "filter" in wanted else None
            if plain is not None:
                chosen = self._many(service, filter={"attributes": {"colour": {"eq": "red"}}})
                found["filter"] = _stage(chosen, "retrieve") / _stage(plain, "retrieve")
            if "hybrid" in wanted:
                found["hybrid"] = median(ms for _, ms in self._many(service, hybrid={"enabled": True}))
            if "faceted" in wanted:
                found["faceted"] = median(ms for _, ms in self._many(service, facets=["category", "colour", "size"]))
        return found

    def _load_ms(self, service: RunningService, row: str) -> float:
        [body] = itertools.islice(bodies([self._query], rerank=True), 1)
        more = {"filter": {"category": {"eq": row}}, "limit": NUMBER}
        [(timings, _)] = ask(service, [json.dumps(json.loads(body) | more).encode()])
        return timings["load"]

    def _many(self, service: RunningService, **more: Any) -> list[tuple[dict[str, float], float]]:
        """Stages and milliseconds of searches for texts."""
        words = itertools.cycle(TEXTS)
        plain = {"rerank": {"enabled": False}, "hybrid": {"enabled": False}} | more
        queries = [json.dumps(plain | {"text": f"red mug number {n}, {next(words)}"}) for n in range(self._SEARCHES)]
        answers = ask(service, [query.encode() for query in queries])
        return [(timings, seconds * 1000) for timings, seconds in answers][2:]

    def _feed(self) -> Path:
        """The products with large images, made once for both checkouts."""
        feed = self._folder / "large.jsonl"
        if not feed.exists():
            lines = []
            for (row, kind), seed in itertools.product(self._KINDS.items(), range(NUMBER)):
                file = self._folder / f"{row}-{seed}.{kind.format.lower()}"
                file.write_bytes(kind.encoded(seed))
                product = {"id": file.stem, "title": f"large image {seed}", "category": row, "image": file.name}
                lines.append(json.dumps(product))
            feed.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return feed


class Puts:
    """Rows written one by one."""

    rows = ("put",)
    most = 3

    def __init__(self, extent: Extent) -> None:
        self._rows = str(extent.put_rows)
        self._number = itertools.count()

    def prepare(self, tree: Tree, wanted: set[str]) -> None:
        """Nothing: each measurement begins with an empty folder."""

    def measure(self, tree: Tree, wanted: set[str]) -> Values:
        """Write and search."""
        found: Values = tree.run("rows_in_lite.py", "put", str(tree.folder / f"put-{next(self._number)}"), self._rows)
        return found


class Indexing:
    """Bulk ingest of the demo shop."""

    rows = ("indexing",)
    most = 99

    def __init__(self, small: Path, large: Path) -> None:
        self._feeds = str(small.absolute()), str(large.absolute())

    def prepare(self, tree: Tree, wanted: set[str]) -> None:
        """Nothing."""

    def measure(self, tree: Tree, wanted: set[str]) -> Values:
        """Index into a new folder."""
        found: Values = tree.run("index_rate.py", *self._feeds)
        return found


class Help:
    """The command line."""

    rows = ("help",)
    most = 99

    def prepare(self, tree: Tree, wanted: set[str]) -> None:
        """Write the compiled modules."""
        tree.cpu_s("--help")

    def measure(self, tree: Tree, wanted: set[str]) -> Values:
        """Ask for help."""
        return {"help": tree.cpu_s("--help")}


class Workers:
    """Two processes on one host, on a Milvus server that is started for them."""

    rows = ("workers",)
    most = 1

    def __init__(self, feed: Path) -> None:
        self._feed = feed

    def prepare(self, tree: Tree, wanted: set[str]) -> None:
        """Nothing: the server is started for each measurement."""

    def measure(self, tree: Tree, wanted: set[str]) -> Values:
        """Memory after searches. MilvusServerError where no server can be started."""
        queries = list(itertools.islice(bodies(sorted(self._feed.parent.glob("images/*")), rerank=True), 12))
        folder = tree.folder / "server"
        folder.mkdir()
        with milvus_server(folder) as uri:
            base = tree.environment("workers") | {"WITHTHIS_STORE_URI": uri}
            index(self._feed, base, code=tree.code)
            two = once([base] * 2, (), queries, tree.code)
            shared = once([base], ("--workers", "2"), queries, tree.code)
        return {"workers": shared["PSS after searches"] / two["PSS after searches"]}


def ask(service: RunningService, queries: Sequence[bytes] | Iterator[bytes]) -> list[tuple[dict[str, float], float]]:
    """Stages (ms) and seconds of searches, one at a time over one connection."""
    with closing(HTTPConnection(urlsplit(service.url).netloc, timeout=PATIENCE_S)) as connection:
        return [alone(connection, query) for query in queries]


def _stage(answers: Sequence[tuple[dict[str, float], float]], name: str) -> float:
    return median(timings[name] for timings, _ in answers)
