"""`python -m benchmarks.stages`: time of a composed query by stage, and the memory of the process.

Every query has another image, so that no caption comes from the cache. Queries run one at a time in this
process, through the same pipeline that the service runs. Aims, on two cores: p50 of the whole query at most
1,000 ms with reranking and 80 ms without; at most 1.5 GB resident.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import psutil
import typer

from benchmarks.report import Report, Sheet, Value
from benchmarks.terminal import progress_bar
from service.build import build_service, ingest_feed
from service.images.sources import UploadedImage
from service.search.pipeline import STAGES
from service.search.types import RerankOptions, SearchRequest
from service.server.state import ServiceState
from service.settings import load_settings
from starter.demo_shop import DEMO_DIR, make_shop

TEXT = "a phone case with this"
WARM_UP = 5

Timings = dict[str, list[float]]


def measure(service: ServiceState, images: Sequence[bytes], *, rerank: bool) -> Timings:
    """Milliseconds by stage, one value a query; the first queries only warm up and are not counted."""
    times: Timings = {stage: [] for stage in STAGES}
    with progress_bar() as bar:
        for number, image in enumerate(bar.track(images, description="with rerank" if rerank else "without")):
            request = SearchRequest(text=TEXT, image=UploadedImage(image), rerank=RerankOptions(enabled=rerank))
            found = service.default.ready().pipeline.search(request).timings_ms
            if number >= WARM_UP:
                for stage in STAGES:
                    times[stage].append(found.get(stage, 0.0))
    return times


def percentiles(times: Timings) -> dict[str, dict[str, float]]:
    """p50 and p95 by stage, milliseconds."""
    return {
        stage: {f"p{p}": round(float(np.percentile(values, p)), 1) for p in (50, 95)} for stage, values in times.items()
    }


def main(
    folder: Annotated[Path, typer.Option("--dir", help="Where the demo shop is.")] = DEMO_DIR,
    queries: Annotated[int, typer.Option(min=1, help="Queries of each kind.")] = 200,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Measure and print."""
    settings = load_settings(data_dir=folder, store_uri=str(folder / "milvus.db"))
    feed = make_shop(folder / "shop-900", 900)
    service = build_service(settings)
    try:
        ingest_feed(feed, settings, service.encoder, service.default.store)
        files = sorted(feed.parent.glob("images/*"))[: queries + WARM_UP]
        images = [file.read_bytes() for file in files]
        with_rerank = percentiles(measure(service, images, rerank=True))
        without = percentiles(measure(service, images, rerank=False))
    finally:
        service.close()
    resident = psutil.Process().memory_info().rss / 1e9
    rows: list[dict[str, Value]] = [
        {
            "stage": stage,
            **{f"rerank {p}": value for p, value in with_rerank[stage].items()},
            **{f"without {p}": value for p, value in without[stage].items()},
            "ratio of p50": with_rerank[stage]["p50"] / without[stage]["p50"] if without[stage]["p50"] else None,
        }
        for stage in STAGES
    ]
    title = f"One composed query, ms ({len(images) - WARM_UP} queries of each kind)"
    Report([Sheet(title, rows)], [f"Resident memory of the process: {resident:.2f} GB."]).show(as_json=as_json)


if __name__ == "__main__":
    typer.run(main)
