"""`python -m benchmarks.ingest`: Images per second of bulk ingest, against the bare encoder in the same run.

The bare encoder gets the same images, decoded before the clock starts, in batches of the same size. Ingest starts
from the feed's file and ends with every row in the store, so its time holds reading, decoding, hashing, keeping the
image, encoding and writing, and the start of the workers. The target is at least 85 % of the bare encoder.
The encoder alone is measured before and after each ingest, and the ingest compared with the mean of the two: other
programs on the machine then slow both. The table gives medians over the rounds.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Annotated

import typer

from benchmarks.report import Report, Sheet
from benchmarks.terminal import err
from rerank.query import Query
from service.build import load_encoder, open_images, open_store
from service.catalog.ingest import ingest
from service.catalog.readers import read_feed
from service.catalog.rows import FeedRow
from service.encoders.encoder import Encoder
from service.images.decode import decode_image
from service.settings import Settings, load_settings
from service.support.batches import in_batches
from starter.demo_shop import DEMO_DIR, make_shop

TARGET = 0.85


def bare(encoder: Encoder, queries: list[Query], batch: int) -> float:
    """Images per second of the encoder alone."""
    begin = time.perf_counter()
    for part in in_batches(queries, batch):
        encoder.encode(part)
    return len(queries) / (time.perf_counter() - begin)


def whole(feed: Path, encoder: Encoder, settings: Settings, workers: int) -> float:
    """Images per second of an ingest into a store that is empty at the start."""
    with tempfile.TemporaryDirectory() as name:
        fresh = settings.model_copy(update={"data_dir": Path(name), "store_uri": f"{name}/milvus.db", "images_url": ""})
        store = open_store(fresh)
        store.ensure(encoder.info)  # opening a store is no part of the rate
        images = open_images(fresh)
        begin = time.perf_counter()
        report = ingest(feed, encoder, store, images, batch=settings.encoder.batch, workers=workers)
        seconds = time.perf_counter() - begin
        store.close()
    return report.indexed / seconds


def load(feed: Path, settings: Settings) -> list[Query]:
    """The feed's images, decoded as ingest decodes them."""
    names = [row.image for row in read_feed(feed) if isinstance(row, FeedRow) and isinstance(row.image, str)]
    found = (decode_image((feed.parent / name).read_bytes(), settings.image_limits).image for name in names)
    return [Query(image=image, role="document") for image in found]


def one_turn(
    feed: Path, encoder: Encoder, queries: list[Query], settings: Settings, workers: int
) -> tuple[float, float]:
    """Rates of the encoder alone and of ingest, taken around each other."""
    before = bare(encoder, queries, settings.encoder.batch)
    rate = whole(feed, encoder, settings, workers)
    return (before + bare(encoder, queries, settings.encoder.batch)) / 2, rate


def main(
    folder: Annotated[Path, typer.Option("--dir", help="Where the demo shop is.")] = DEMO_DIR,
    products: Annotated[int, typer.Option(min=9, help="Size of the demo shop.")] = 900,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each.")] = 3,
    workers: Annotated[list[int] | None, typer.Option(help="Numbers of workers to try.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Measure and print."""
    settings = load_settings()
    feed = make_shop(folder / f"shop-{products}", products)
    encoder = load_encoder(settings)
    queries = load(feed, settings)
    encoder.encode(queries[: settings.encoder.batch])  # warms up
    rows = []
    for count in workers or [0, 1, 2]:
        err.print(f"{count} workers")
        turns = [one_turn(feed, encoder, queries, settings, count) for _ in range(rounds)]
        alone, rate = (median(values) for values in zip(*turns, strict=True))
        share = median(b / a for a, b in turns)
        rows.append({"workers": count, "encoder alone, images/s": alone, "ingest, images/s": rate, "ratio": share})
    title = f"{len(queries)} images, encoder {encoder.info.id}, target {TARGET:.0%}"
    Report([Sheet(title, rows, {"ratio": ".0%"})]).show(as_json=as_json)


if __name__ == "__main__":
    typer.run(main)
