"""`python -m benchmarks.batching`: concurrent single queries through micro-batching, against one at a time.

The encoder is a CLIP of the size of ViT-B/32 (151 M parameters) with random weights: time depends on shapes alone. Both
ways see the same queries in the same process, in turns, and the best of the rounds counts; the number to look at is the
ratio. On a machine that is busy otherwise, look at the ratio of CPU time: it does not count waiting. Aim: 32
concurrent queries at 2.5 times the throughput of the same 32 one at a time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

import numpy as np
import torch
import typer
from PIL import Image
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

from benchmarks.report import Report, Sheet, Value
from benchmarks.terminal import err
from rerank.query import Query
from service.encoders.batching import BatchingEncoder
from service.encoders.clip_family.encoder import ClipEncoder
from service.encoders.clip_family.image_processing import ImageRecipe
from service.encoders.clip_family.texts import TextReader
from service.encoders.clip_family.towers import Towers
from service.encoders.device import DtypeName, resolve_device, resolve_dtype

TEXTS = ("a phone case with this", "this design on a cushion", "a mug like this, but in blue", "the same for children")

Queries = Sequence[Query]
Times = tuple[float, float]
"""Seconds on the wall, and of the CPU."""


def random_clip(device: str, dtype: DtypeName) -> ClipEncoder:
    """CLIP ViT-B/32 without its training; letters are its tokens, which makes texts of about 20 tokens."""
    place = resolve_device(device)
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    words = ["<|startoftext|>", *letters, *(letter + "</w>" for letter in letters), "<|endoftext|>"]
    tokenizer = CLIPTokenizer(vocab={word: number for number, word in enumerate(words)}, merges=[])
    config = CLIPConfig(text_config={"eos_token_id": len(words) - 1}, vision_config={})
    model: Any = CLIPModel(config)
    model.to(place, resolve_dtype(dtype, place)).eval()
    recipe = ImageRecipe.read({}, "clip")
    texts = TextReader(tokenizer, 77, fixed_length=False)
    towers = Towers.of(model, recipe.names, texts.names, "auto")
    dimension = int(config.projection_dim or 0)
    return ClipEncoder(towers, texts, recipe, id="clip", dimension=dimension, fingerprint="random")


def make_queries(n: int) -> dict[str, Queries]:
    """`n` queries of each kind; images have the size to which the service reduces them."""
    noise = np.random.default_rng(5)
    images = [Image.fromarray(noise.integers(0, 255, (768, 1024, 3), dtype=np.uint8)) for _ in range(n)]
    texts = [TEXTS[number % len(TEXTS)] for number in range(n)]
    return {
        "text": [Query(text) for text in texts],
        "image": [Query(image=image) for image in images],
        "composed": [Query(text, image) for text, image in zip(texts, images, strict=True)],
    }


def one_by_one(encoder: ClipEncoder, queries: Queries) -> Times:
    """For all queries, each encoded by itself when the one before is done."""
    return _times(lambda: [encoder.encode([query]) for query in queries])


def concurrent(encoder: BatchingEncoder, queries: Queries, pool: ThreadPoolExecutor) -> Times:
    """For all queries, each sent by a thread of its own at the same time."""
    return _times(lambda: list(pool.map(lambda query: encoder.encode([query]), queries)))


def _times(work: Callable[[], object]) -> Times:
    start, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start, time.process_time() - used


def measure(encoder: ClipEncoder, queries: Queries, rounds: int, max_wait_ms: float) -> dict[str, float]:
    """Queries a second both ways, and the ratios of time."""
    alone, together = [], []
    batching = BatchingEncoder(encoder, max_batch=len(queries), max_wait_ms=max_wait_ms)
    with ThreadPoolExecutor(len(queries)) as pool:
        concurrent(batching, queries, pool)  # warms up both ways: threads, memory, kernels
        for _ in range(rounds):
            alone.append(one_by_one(encoder, queries))
            together.append(concurrent(batching, queries, pool))
    batching.close()
    (wall_alone, cpu_alone), (wall_together, cpu_together) = (
        [min(values) for values in zip(*times, strict=True)] for times in (alone, together)
    )
    return {
        "one after the other": len(queries) / wall_alone,
        "concurrent": len(queries) / wall_together,
        "ratio": wall_alone / wall_together,
        "ratio of CPU time": cpu_alone / cpu_together,
    }


def main(
    *,
    queries: Annotated[int, typer.Option(min=2, help="Concurrent queries.")] = 32,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; the best one counts.")] = 3,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps")] = "auto",
    dtype: Annotated[str, typer.Option(help="auto, float32, bfloat16, float16")] = "auto",
    max_wait_ms: Annotated[float, typer.Option(help="As WITHTHIS_ENCODER_MAX_WAIT_MS.")] = 2.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Measure and print."""
    encoder = random_clip(device, dtype)  # type: ignore[arg-type]
    rows: list[dict[str, Value]] = []
    for kind, some in make_queries(queries).items():
        with err.status(kind):
            rows.append({"kind": kind, **measure(encoder, some, rounds, max_wait_ms)})
    sheet = Sheet(f"{queries} single queries, queries/s, best of {rounds}", rows)
    Report([sheet], [f"{torch.get_num_threads()} torch threads, load {os.getloadavg()[0]:.1f} at the end."]).show(
        as_json=as_json
    )


if __name__ == "__main__":
    typer.run(main)
