"""`python -m benchmarks.rerank_overhead`: what reranking costs on top of the model, for nine candidates of 600 × 600.

Measured in one process: looking up the caption, drawing the panel (and a panel whose products have not been seen
before, whose thumbnails have to be made), cleaning and filling the prompt, and all of it as the listwise strategy does
it over an engine that answers at once. Aim, on two cores: p50 of all together at most 25 ms with the
thumbnails kept. Everything runs in one thread; its own CPU time is printed, too, as the clock also counts what other
processes take.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Annotated

import numpy as np
import typer
from PIL import Image

from benchmarks.report import Report, Sheet
from rerank.candidates import Candidate
from rerank.engines.engine import EngineInfo, EngineRequest, Generation
from rerank.labels import labels
from rerank.panel import draw_panel
from rerank.prompts import PromptLibrary
from rerank.query import Query
from rerank.strategies.captioning import Captioner
from rerank.strategies.listwise import ListwiseStrategy
from rerank.strategies.prompting import rank_values
from rerank.strategies.trace import Trace
from rerank.thumbnails import ThumbnailCache

CANDIDATES, SIDE, WARM_UP = 9, 600, 3
CAPTION = "A close-up of a leopard's face with green eyes and spotted fur."


class InstantEngine:
    """Answers at once, so that all time measured is ours."""

    info = EngineInfo("instant", "panel", CANDIDATES, False, True, {"caption": "caption", "rank": "rank-panel"})

    def generate(self, request: EngineRequest) -> Generation:
        """The caption, or the labels as they are."""
        answer = json.dumps({"ranking": request.labels, "reason": "It shows the same leopard."})
        return Generation(answer if request.labels else CAPTION, "stop")

    def score(self, requests: Sequence[EngineRequest]) -> list[tuple[float, ...]]:
        """Not measured here."""
        raise NotImplementedError


def noise(seed: int) -> Image.Image:
    """An image that no resampling shortcut applies to, RGB."""
    pixels = np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def milliseconds(work: Callable[[], object], runs: int) -> dict[str, float]:
    """p50 and p95 by the clock, and p50 of the thread's CPU time, after a few runs that only warm up."""
    clock, cpu = [], []
    for _ in range(runs + WARM_UP):
        start, start_cpu = time.perf_counter(), time.thread_time()
        work()
        clock.append((time.perf_counter() - start) * 1000)
        cpu.append((time.thread_time() - start_cpu) * 1000)
    p50, p95 = np.percentile(clock[WARM_UP:], (50, 95))
    return {"p50": round(float(p50), 2), "p95": round(float(p95), 2), "CPU p50": round(float(np.median(cpu)), 2)}


def measure(runs: int) -> dict[str, dict[str, float]]:
    """Milliseconds by part; columns are those of `milliseconds`."""
    query = Query("a phone case with this", noise(0), image_hash="query")
    shown = [
        Candidate(f"p{place}", f"Leopard phone case no. {place}, black", noise(place), 1.0 - place / 10, f"key{place}")
        for place in range(1, CANDIDATES + 1)
    ]
    images, keys = [one.image for one in shown], [one.image_hash for one in shown]
    prompts, thumbnails, names = PromptLibrary.load(), ThumbnailCache(), labels(CANDIDATES)
    captioner, prompt = Captioner(InstantEngine(), prompts), prompts.get("rank-panel")
    strategy = ListwiseStrategy(InstantEngine(), prompts)
    parts: dict[str, Callable[[], object]] = {
        "caption, kept": lambda: captioner.caption(query, None, Trace()),
        "panel, thumbnails made": lambda: draw_panel(query.image, images, names),
        "panel, thumbnails kept": lambda: draw_panel(query.image, images, names, keys=keys, thumbnails=thumbnails),
        "prompt": lambda: prompt.render(**rank_values(query, shown, CAPTION)),
        "all together, with the parser": lambda: strategy.rerank(query, shown),
    }
    return {name: milliseconds(work, runs) for name, work in parts.items()}


def main(
    runs: Annotated[int, typer.Option(min=1, help="Runs of each part.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Measure and print."""
    found = measure(runs)
    slow, fast = (found[f"panel, thumbnails {how}"]["p50"] for how in ("made", "kept"))
    title = f"Reranking overhead on top of the model, ms ({CANDIDATES} candidates of {SIDE} × {SIDE}, {runs} runs)"
    note = f"A panel is drawn {slow / fast:.1f} times as fast from thumbnails that are kept."
    Report([Sheet(title, [{"part": name, **row} for name, row in found.items()])], [note]).show(as_json=as_json)


if __name__ == "__main__":
    typer.run(main)
