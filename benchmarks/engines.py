"""`python -m benchmarks.engines`: what a ranking of nine costs by strategy, crops and layout, on the native engine.

One Phi-3 Vision with random weights, in one process: the answers are noise, the cost is real. The vision tower is the
published one, the decoder 24 layers of width 1,024 (`--full`: as published, for a GPU). The reason of a generated
answer is cut at `--reason` tokens, as random weights never end one. The caption is given. Aim: single-token
at least twice as fast as generated JSON at 4 crops.

Seconds are by the clock, CPU seconds those of this process alone: on a busy machine only the latter compare. Memory is
the peak during a ranking, weights included.
"""

from __future__ import annotations

import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from PIL import Image

from benchmarks.report import Report, Sheet, Value
from benchmarks.terminal import err
from benchmarks.watching import highest, resident_mb
from rerank.candidates import Candidate
from rerank.engines.decoding import permutation_spec
from rerank.engines.phi3_vision.config import read_config
from rerank.engines.phi3_vision.engine import Phi3VisionEngine
from rerank.engines.phi3_vision.model import Phi3VisionForCausalLM
from rerank.engines.phi3_vision.processor import Phi3VisionProcessor
from rerank.labels import labels
from rerank.layout import Layout
from rerank.prompts import PromptLibrary
from rerank.query import Query
from rerank.strategies.listwise import ListwiseStrategy
from rerank.strategies.pointwise import PointwiseStrategy
from rerank.strategies.single_token import SingleTokenStrategy
from rerank.strategies.strategy import RerankOutcome, Strategy

TINY = Path(__file__).parents[1] / "tests/parity/phi3_vision/golden"
"""Lends its tokenizer and the fields of its configuration that do not depend on size."""

SMALL = {"hidden_size": 1024, "intermediate_size": 2816, "num_hidden_layers": 24, "heads": 16}
FULL = {"hidden_size": 3072, "intermediate_size": 8192, "num_hidden_layers": 32, "heads": 32}
CANDIDATES = 9
STRATEGIES: dict[str, Callable[..., Strategy]] = {
    "listwise": ListwiseStrategy,
    "single-token": SingleTokenStrategy,
    "pointwise": PointwiseStrategy,
}


@dataclass(frozen=True)
class Cost:
    """One ranking, the median of the repeats."""

    strategy: str
    layout: Layout
    crops: int
    read: int
    """Tokens of all prompts, images included."""
    written: int
    seconds: float
    cpu_seconds: float
    peak_gb: float


def random_model(size: dict[str, int], device: str, dtype: torch.dtype) -> Phi3VisionForCausalLM:
    """Random weights in the published layout, with the published vision tower."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        raw = json.loads((TINY / "config.json").read_text(encoding="utf-8"))
        heads, sizes = size["heads"], {name: value for name, value in size.items() if name != "heads"}
        half = sizes["hidden_size"] // heads // 2
        rope = {"type": "su", "short_factor": [1.05] * half, "long_factor": [1.1] * half}
        raw |= {**sizes, "num_attention_heads": heads, "num_key_value_heads": heads, "rope_scaling": rope}
        (folder / "config.json").write_text(json.dumps(raw), encoding="utf-8")
        shutil.copy(TINY / "tokenizer.json", folder)
        model = Phi3VisionForCausalLM(read_config(folder))
    placed: Any = model.eval().to(device)  # type: ignore[no-untyped-call]
    for parameter in placed.parameters():  # not the tables of positions, which stay float32
        parameter.data = parameter.data.to(dtype)
    made: Phi3VisionForCausalLM = placed
    return made


def short_answers(prompts: PromptLibrary, processor: Phi3VisionProcessor, reason: int) -> PromptLibrary:
    """The same prompts, but an answer ends after so many tokens of its reason."""
    spec = permutation_spec(processor.tokenizer, labels(CANDIDATES))
    limit = len(spec.pattern) - len(spec.prefix) + reason
    return PromptLibrary({prompt.key: prompt.model_copy(update={"max_new_tokens": limit}) for prompt in prompts})


def wares() -> tuple[Query, list[Candidate]]:
    """A query and nine candidates of 600 × 600."""
    colours = ("red", "orange", "gold", "green", "teal", "blue", "navy", "purple", "pink")
    shown = [
        Candidate(f"p{place}", f"A phone case in {colour}", Image.new("RGB", (600, 600), colour), 1.0)
        for place, colour in enumerate(colours)
    ]
    image = Image.effect_noise((640, 480), 90).convert("RGB")
    return Query("a phone case with this", image, image_hash="noise", caption="a leopard"), shown


@contextmanager
def peak(device: str) -> Iterator[Callable[[], float]]:
    """The most memory in use, in GB, while the block runs: of the GPU, or of this process."""
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
        yield lambda: torch.cuda.max_memory_allocated() / 1e9
        return
    with highest(resident_mb) as most:
        yield lambda: most() / 1e3


class Reading:
    """Counts the tokens of prompts that a model reads, filling included."""

    def __init__(self, model: Phi3VisionForCausalLM) -> None:
        self.tokens = 0
        model.model.register_forward_pre_hook(self._count, with_kwargs=True)

    def _count(self, _: object, args: object, options: dict[str, Any]) -> None:
        prompt = options.get("inputs_embeds")  # what is decoded comes as ids
        self.tokens += 0 if prompt is None else prompt.shape[0] * prompt.shape[1]


def timed(strategy: Strategy, device: str) -> tuple[RerankOutcome, float, float]:
    """The outcome of one ranking, its seconds and its CPU seconds. AssertionError if the engine failed."""
    query, shown = wares()
    start, cpu = time.perf_counter(), time.process_time()
    outcome = strategy.rerank(query, shown)
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    assert outcome.degraded is None, outcome
    return outcome, time.perf_counter() - start, time.process_time() - cpu


def measure(strategy: Strategy, reading: Reading, *, layout: Layout, crops: int, device: str, repeats: int) -> Cost:
    """The cost of one strategy on one engine."""
    reading.tokens = 0
    with peak(device) as memory:
        runs = [timed(strategy, device) for _ in range(repeats)]
        highest = memory()
    read, written = reading.tokens // repeats, runs[0][0].generated_tokens
    seconds = statistics.median(clock for _, clock, _ in runs)
    cpu = statistics.median(own for _, _, own in runs)
    return Cost(strategy.name, layout, crops, read, written, seconds, cpu, highest)


def sheet(costs: Sequence[Cost], title: str) -> Sheet:
    """A table; ×: how many times faster than the generated answer of the same layout and crops."""
    base = {(cost.layout, cost.crops): cost for cost in costs if cost.strategy == "listwise"}
    rows: list[dict[str, Value]] = []
    for cost in costs:
        full = base.get((cost.layout, cost.crops))
        rows.append(
            {
                "layout": cost.layout,
                "crops": cost.crops,
                "strategy": cost.strategy,
                "tokens read": cost.read,
                "written": cost.written,
                "s": cost.seconds,
                "CPU s": cost.cpu_seconds,
                "× s": full.seconds / cost.seconds if full else None,
                "× CPU s": full.cpu_seconds / cost.cpu_seconds if full else None,
                "GB": cost.peak_gb,
            }
        )
    return Sheet(title, rows, dict.fromkeys(("s", "CPU s", "× s", "× CPU s", "GB"), ".2f"))


def main(
    *,
    crops: Annotated[list[int] | None, typer.Option(help="Crops for the panel; 16, 4 and 1.")] = None,
    image_crops: Annotated[list[int] | None, typer.Option(help="Crops for single images; 4 and 1, 0: none.")] = None,
    strategy: Annotated[list[str] | None, typer.Option(help="Strategies; all.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or mps.")] = "cpu",
    repeats: Annotated[int, typer.Option(min=1, help="Rankings of each kind.")] = 1,
    reason: Annotated[int, typer.Option(min=0, help="Tokens of a generated reason.")] = 40,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads for torch.")] = None,
    full: Annotated[bool, typer.Option("--full", help="The published size, in bfloat16.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Measure and print."""
    if threads:
        torch.set_num_threads(threads)
    torch.manual_seed(0)
    model = random_model(FULL if full else SMALL, device, torch.bfloat16 if full else torch.float32)
    kinds: list[tuple[Layout, int]] = [("panel", number) for number in crops or (16, 4, 1)]
    kinds += [("images", number) for number in image_crops or (4, 1) if number]
    costs, reading = [], Reading(model)
    for layout, number in kinds:
        processor = Phi3VisionProcessor(TINY / "tokenizer.json", number)
        engine = Phi3VisionEngine(model, processor, layout=layout)
        prompts = short_answers(PromptLibrary.load(), processor, reason)
        for name in strategy or STRATEGIES:
            made = STRATEGIES[name](engine, prompts)
            costs.append(measure(made, reading, layout=layout, crops=number, device=device, repeats=repeats))
            err.print(str(costs[-1]))
    values = sum(parameter.numel() for parameter in model.parameters()) / 1e9
    title = f"A ranking of {CANDIDATES}, {values:.2f} B weights, {device}"
    Report([sheet(costs, title)]).show(as_json=as_json)


if __name__ == "__main__":
    typer.run(main)
