"""`python -m benchmarks.hostile_memory`: the effect of inputs that demand far more than they cost on a service's
memory.

`withthis serve` with the bundled models runs in its own process over a small demo shop and sixteen products with
images of 40 megapixels. After some ordinary requests each of `hostile_inputs` is sent, one at a time. *Peak* is
how far the resident memory of the process rose, looked at every 5 ms; *left* is how far it is still above where it was
a minute later, or sooner where it is back within `BACK_MB`. Where it was is at least where it was at the start; *above
the start* shows what adds up. `/healthz` is asked ten times a second meanwhile, by a process of its own.

Aim: a rise of at most 300 MB, given back within a minute, and `/healthz` within 1 s. What is left must not
add up; some of it is room that the C library keeps for the next request, `LEFT_MB` at most.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import httpx
import typer

from benchmarks import probe
from benchmarks.hostile_inputs import PEAK_MB, HostileInput, Target, data_uri, inputs, put_large_products
from benchmarks.report import Report, Sheet, Value
from benchmarks.service_process import RunningService, running_service
from benchmarks.terminal import err
from benchmarks.watching import highest
from starter.demo_shop import DEMO_DIR, make_shop, query_image

LARGE_PRODUCTS, WARM_UP = 16, 12
BACK_MB, LEFT_MB, PATIENCE_S, HEALTH_S = 30.0, 150.0, 60.0, 1.0


@dataclass(frozen=True, slots=True)
class Found:
    """One input: memory in MB, times in seconds."""

    name: str
    statuses: str
    seconds: float
    peak: float
    left: float
    above_start: float
    back_s: float
    health_s: float

    @property
    def is_fine(self) -> bool:
        """Within the targets."""
        given_back = max(self.left, self.above_start) <= LEFT_MB
        return self.peak <= PEAK_MB and given_back and self.health_s <= HEALTH_S

    def row(self) -> dict[str, Value]:
        """As it is printed."""
        return {
            "input": self.name,
            "answers": self.statuses,
            "s": self.seconds,
            "peak, MB": self.peak,
            "left, MB": self.left,
            "after, s": self.back_s,
            "above the start, MB": self.above_start,
            "/healthz, worst, s": self.health_s,
            "": "" if self.is_fine else "beyond the target",
        }


def send(one: HostileInput, target: Target, service: RunningService, start: float, probes: Path) -> Found:
    """Send an input and wait until its memory is given back, a minute at most."""
    before, began = max(service.resident_mb(), start), time.monotonic()
    with highest(service.resident_mb) as most:
        statuses = one.send(target)
        ended = time.monotonic()
        while (left := service.resident_mb() - before) > BACK_MB and time.monotonic() < ended + PATIENCE_S:
            time.sleep(0.1)
    over = time.monotonic()
    health = [asked.seconds for asked in probe.read(probes) if began <= asked.began <= ended]
    return Found(
        one.name,
        ", ".join(f"{count} × {status}" for status, count in statuses.most_common()),
        ended - began,
        most() - before,
        left,
        before + left - start,
        over - ended,
        max(health, default=0.0),
    )


def warm_up(url: str) -> None:
    """Ordinary requests of all kinds, several at once, so that what is loaded or kept at first use is no rise."""
    uri = data_uri(query_image(), "WebP")
    image = {"content": [{"type": "image_url", "image_url": {"url": uri}}]}
    requests: list[tuple[str, dict[str, object]]] = [
        ("/v1/search", {"text": "a mug with this", "image": {"data": uri}}),
        ("/v1/embeddings", {"input": [image] * 16}),
        ("/v1/rerank", {"query": "a mug", "documents": [{"image": uri}, "a mug", "a cap"]}),
    ]
    with httpx.Client(base_url=url, timeout=PATIENCE_S) as client, ThreadPoolExecutor(4) as pool:
        for answer in pool.map(lambda one: client.post(one[0], json=one[1]), requests * WARM_UP):
            answer.raise_for_status()


def measure(chosen: Sequence[HostileInput], products: int) -> list[Found]:
    """Send each to one service."""
    feed = make_shop(DEMO_DIR / f"shop-{products}", products)
    with tempfile.TemporaryDirectory() as name, running_service(feed, Path(name)) as service:
        folder, port = Path(name), int(service.url.rpartition(":")[2])
        target = Target(service.url, folder / "images", put_large_products(service.url, LARGE_PRODUCTS))
        warm_up(service.url)
        start, probes = service.resident_mb(), folder / "probes.jsonl"
        found = []
        with probe.probing(port, probes):
            for one in chosen:
                found.append(send(one, target, service, start, probes))
                err.print(", ".join(f"{name} {_short(value)}" for name, value in found[-1].row().items()))
        return found


def _short(value: Value) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def report(found: Sequence[Found]) -> Report:
    """The table."""
    title = "Resident memory of a service under hostile input"
    return Report([Sheet(title, [one.row() for one in found])], ["Aim: at most 300 MB, given back."])


def main(
    only: Annotated[str, typer.Option(help="Inputs whose name holds this.")] = "",
    products: Annotated[int, typer.Option(min=9, help="Products of the demo shop.")] = 90,
    json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Measure; ends with 1 if a target is missed."""
    found = measure([one for one in inputs() if only in one.name], products)
    report(found).show(as_json=json)
    if not all(one.is_fine for one in found):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
