"""`python -m benchmarks.service_capacity`: CPU time of a composed search in the service, and the memory of its process.

One search at a time through the pipeline that the service runs, over a shop of 60 products in memory; every query
has another image. CPU time, unlike a rate, is hardly changed by what else the machine does. The time without
reranking goes into `benchmarks/measured.json`, against which the capacity model is checked; the memory there is that
after `benchmarks.load`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import psutil
import typer

from benchmarks.report import Report, Sheet
from service.build import build_service, ingest_feed
from service.images.sources import UploadedImage
from service.search.types import RerankOptions, SearchRequest
from service.server.state import ServiceState
from service.settings import load_settings
from starter.demo_shop import make_shop

WARM_UP = 3


def cpu_s(service: ServiceState, images: Sequence[bytes], *, rerank: bool) -> float:
    """CPU seconds of this process for one search, on average."""
    requests = [
        SearchRequest(text="a mug with this", image=UploadedImage(image), rerank=RerankOptions(enabled=rerank))
        for image in images
    ]
    for request in requests[:WARM_UP]:
        service.default.ready().pipeline.search(request)
    began = time.process_time()
    for request in requests[WARM_UP:]:
        service.default.ready().pipeline.search(request)
    return (time.process_time() - began) / (len(requests) - WARM_UP)


def measure(folder: Path, searches: int) -> dict[str, float]:
    """Seconds and bytes."""
    settings = load_settings(data_dir=folder, store_uri="exact:", torch_threads=1, ingest_workers=0)
    feed = make_shop(folder / "shop", 60)
    service = build_service(settings)
    try:
        ingest_feed(feed, settings, service.encoder, service.default.store)
        images = [file.read_bytes() for file in sorted(feed.parent.glob("images/*"))[: searches + WARM_UP]]
        without = cpu_s(service, images, rerank=False)
        with_rerank = cpu_s(service, images, rerank=True)
    finally:
        service.close()
    resident = float(psutil.Process().memory_info().rss)
    return {"search_cpu_s": without, "search_and_starter_rerank_cpu_s": with_rerank, "resident_bytes": resident}


def main(
    searches: Annotated[int, typer.Option(min=1, max=57, help="Searches of each kind.")] = 40,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Measure and print."""
    with TemporaryDirectory() as folder:
        row = measure(Path(folder), searches)
    Report([Sheet(f"The service's process, {searches} searches of each kind", [row])]).show(as_json=as_json)


if __name__ == "__main__":
    typer.run(main)
