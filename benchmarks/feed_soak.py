"""`python -m benchmarks.feed_soak`: a large Google feed into Milvus Lite, killed once on its way, and its memory.

The feed is a TSV in Merchant Center's form, a product a line, without images: what is measured is reading, joining,
comparing and writing, so vectors are hashes of the words. The first run is killed (SIGKILL) after two fifths of the
lines, a second one ends it, a third one finds nothing to do. Ends with 1 if a product is lost or doubled, or if a run's
memory grows by more than 150 MB between a fifth of the lines and the end.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import psutil
import typer

from benchmarks.terminal import err
from rerank.query import Query
from service.catalog.ingest import IngestReport, ingest
from service.encoders.encoder import Embeddings, EncoderInfo
from service.images.store.image_store import ImageStore
from service.stores.milvus.milvus_store import MilvusStore

MOST_GROWTH_MB = 150
_DIMENSION = 64
_HEADER = (
    *("id", "title", "description", "link", "image link", "price", "sale price", "availability", "item group id"),
    *("product type", "gtin", "brand", "color", "size"),
)
_COLORS, _THINGS = ("red", "blue", "green", "grey", "pink"), ("mug", "hat", "lamp", "shoe", "case", "poster", "bag")


class HashEncoder:
    """Vectors by a hash of the words."""

    info = EncoderInfo("hash", _DIMENSION, "hash-1", frozenset({"image", "text", "composed"}), 10_000)

    def encode(self, queries: Sequence[Query]) -> Embeddings:
        """Unit vectors, float32 [n, 64]."""
        hashes = b"".join(hashlib.shake_128((query.text or "").encode()).digest(2 * _DIMENSION) for query in queries)
        vectors = np.frombuffer(hashes, "<u2").reshape(-1, _DIMENSION).astype(np.float32) + 1
        unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
        return Embeddings(unit, np.zeros(len(queries), np.bool_))


def write_feed(path: Path, lines: int) -> None:
    """A feed with so many products."""
    with path.open("w", encoding="utf-8") as file:
        file.write("\t".join(_HEADER) + "\n")
        for n in range(lines):
            color, thing = _COLORS[n % 5], _THINGS[n % 7]
            text = f"<p>A {color} {thing} &amp; more, number {n}.</p>" + " Made with care." * (n % 20)
            cells = [f"SKU-{n}", f'{color} {thing} {n % 30}"', text, f"https://shop.example/{n}", ""]
            cells += [f"{1 + n % 2000:,}.{n % 100:02} USD", f"{n % 90}.5 USD" if n % 3 == 0 else "", "in stock"]
            cells += [f"G{n // 4}", f"Home > {thing}", f"{n:013}", "Acme", color, str(n % 50)]
            file.write("\t".join(cells) + "\n")


def one_run(folder: Path) -> IngestReport:
    """The whole feed, with a line on stdout for each batch: rows seen, and memory in MB of this process and Lite's."""
    store, process = MilvusStore(str(folder / "milvus.db")), psutil.Process()

    def tell(report: IngestReport) -> None:
        family = [process, *process.children(recursive=True)]
        print(report.seen, round(sum(one.memory_info().rss for one in family) / 1e6), flush=True)

    report = ingest(
        folder / "feed.tsv", HashEncoder(), store, ImageStore(folder / "images"), batch=256, workers=0, progress=tell
    )
    store.close()
    return report


def _watched(folder: Path, kill_at: int | None = None) -> Iterator[tuple[int, int]]:
    """Rows and memory of a run in a process of its own, which is killed at `kill_at` rows."""
    command = [sys.executable, "-m", "benchmarks.feed_soak", "--folder", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            seen, megabytes = map(int, line.split())
            yield seen, megabytes
            if kill_at is not None and seen >= kill_at:
                process.kill()
                break
    if kill_at is None and process.returncode:
        raise SystemExit("the run failed")


def growth(samples: Sequence[tuple[int, int]], lines: int) -> tuple[int, int, int]:
    """Memory in MB after a fifth of the lines, the most after that, and at the end."""
    later = [megabytes for seen, megabytes in samples if seen >= lines // 5]
    return later[0], max(later), later[-1]


def check(folder: Path, lines: int) -> dict[str, int]:
    """What is lost or doubled in the store."""
    store = MilvusStore(str(folder / "milvus.db"))
    found = Counter(state.product_id for page in store.scan() for state in page)
    store.close()
    wanted = {f"SKU-{n}" for n in range(lines)}
    doubled = sum(count > 1 for count in found.values())
    return {"lost": len(wanted - found.keys()), "doubled": doubled, "strange": len(found.keys() - wanted)}


def main(
    lines: Annotated[int, typer.Option(help="Lines of the feed.")] = 100_000,
    folder: Annotated[Path | None, typer.Option(help="Run one ingest in this folder.")] = None,
) -> None:
    """Write the feed, run, kill, run, run again, and compare."""
    if folder is not None:
        one_run(folder)
        return
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        write_feed(place / "feed.tsv", lines)
        results: dict[str, object] = {"lines": lines, "feed_mb": (place / "feed.tsv").stat().st_size // 10**6}
        good = True
        for run, kill_at in (("killed", lines * 2 // 5), ("resumed", None), ("again", None)):
            begin = time.perf_counter()
            samples = list(_watched(place, kill_at))
            first, most, last = growth(samples, lines)
            good = good and most - first <= MOST_GROWTH_MB
            seconds = round(time.perf_counter() - begin)
            results[run] = {"seconds": seconds, "mb_at_a_fifth": first, "mb_most": most, "mb_end": last}
            err.print(f"{run}: {results[run]}")
        results["store"] = wrong = check(place, lines)
        print(json.dumps(results, indent=1))
        raise typer.Exit(0 if good and not any(wrong.values()) else 1)


if __name__ == "__main__":
    typer.run(main)
