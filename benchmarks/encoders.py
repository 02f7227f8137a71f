"""Visualized BGE in batches against one query at a time as the published class computes it; same random weights.

`python -m benchmarks.encoders --images 16 --threads 2`. Ours is computed by torch and, in float32 on the CPU, by ONNX
Runtime; the title names the processor's instruction sets. The baseline is fp32, one query a call, with attention
written out in the vision tower (what the published class does without xformers). On a busy machine trust the ratio of
processor time with one thread rather than that of the clock.
"""

import argparse
import tempfile
import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as fn

from benchmarks.machine import instruction_sets
from benchmarks.random_visualized_bge import write_random
from benchmarks.report import Report, Sheet, Value
from rerank.query import Query
from service.encoders.device import DtypeName
from service.encoders.options import BackendName
from service.encoders.visualized_bge.config import PUBLISHED
from service.encoders.visualized_bge.conversion import convert
from service.encoders.visualized_bge.encoder import VisualizedBgeEncoder
from service.encoders.visualized_bge.vision import Attention, rotate

Vectors = npt.NDArray[np.float32]
TEXT = "a phone case with the pattern of this image, in blue"


class WrittenOutAttention(Attention):
    """Scores, softmax and sum as separate steps; the same result as the fused kernel."""

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """[n, tokens, width] → the same shape."""
        q = rotate(self._split(fn.linear(x, self.q_proj.weight, self.q_bias)), cos, sin)
        k = rotate(self._split(self.k_proj(x)), cos, sin)
        v = self._split(fn.linear(x, self.v_proj.weight, self.v_bias))
        weights = (q * q.shape[-1] ** -0.5 @ k.transpose(-1, -2)).softmax(dim=-1)
        out: Tensor = self.proj(self.inner_attn_ln((weights @ v).transpose(1, 2).flatten(2)))
        return out


def noise_images(count: int, seed: int = 0) -> list[Image.Image]:
    """Coarse noise in the shape of photos, 640 × 480."""
    noise = np.random.default_rng(seed).integers(0, 256, (count, 12, 16, 3), np.uint8)
    return [Image.fromarray(grid).resize((640, 480), Image.Resampling.BICUBIC) for grid in noise]


def as_published(encoder: VisualizedBgeEncoder) -> VisualizedBgeEncoder:
    """Write the attention of its vision tower out."""
    for block in encoder._model.model_visual.visual.blocks:
        block.attn.__class__ = WrittenOutAttention
    return encoder


@dataclass(frozen=True, slots=True)
class Way:
    """One way to encode: `at_once` queries a call."""

    label: str
    dtype: DtypeName
    at_once: int
    encoder: VisualizedBgeEncoder


@dataclass(slots=True)
class Best:
    """Least seconds of wall clock and of processor time over the rounds, and the vectors, which are always the same."""

    vectors: Vectors
    wall: float
    processor: float


def ways(name: str, folder: Path, options: argparse.Namespace) -> list[Way]:
    """The baseline, then ours for each number type and back end, one at a time and in batches."""

    def load(dtype: DtypeName, backend: BackendName = "torch") -> VisualizedBgeEncoder:
        return VisualizedBgeEncoder.load(
            name, folder, device=options.device, dtype=dtype, batch=options.batch, backend=backend
        )

    found = [Way("as published", "float32", 1, as_published(load("float32")))]
    for dtype in options.dtypes:
        encoder = load(dtype)
        found += [Way("ours", dtype, size, encoder) for size in dict.fromkeys((1, options.batch))]
    if options.device == "cpu":
        encoder = load("float32", "auto")
        found += [Way("ours, compiled", "float32", size, encoder) for size in dict.fromkeys((1, options.batch))]
    return found


def once(way: Way, queries: list[Query], device: str) -> Best:
    """Encode all queries, in calls of the way's size."""
    parts = [queries[start : start + way.at_once] for start in range(0, len(queries), way.at_once)]
    wall, processor = time.perf_counter(), time.process_time()
    vectors = np.concatenate([way.encoder.encode(part).vectors for part in parts])
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return Best(vectors, time.perf_counter() - wall, time.process_time() - processor)


def compare(name: str, folder: Path, options: argparse.Namespace) -> Sheet:
    """All ways, for images alone and with a text; the ways take turns, so that a busy machine is unfair to none."""
    images = noise_images(options.images)
    kinds = {
        "image": [Query(image=image) for image in images],
        "image + text": [Query(TEXT, image) for image in images],
    }
    found = ways(name, folder, options)
    best: dict[tuple[str, int], Best] = {}
    for _, (kind, queries), (row, way) in product(range(options.rounds + 1), kinds.items(), enumerate(found)):
        new = once(way, queries, options.device)  # the first round is the warm-up: the best of several leaves it out
        old = best.setdefault((kind, row), new)
        old.wall, old.processor = min(old.wall, new.wall), min(old.processor, new.processor)
    rows: list[dict[str, Value]] = []
    for (kind, row), result in best.items():
        way = found[row]
        named: dict[str, Value] = {"queries": kind, "way": way.label, "number type": way.dtype, "batch": way.at_once}
        rows.append(named | figures(result, best[kind, 0], len(images)))
    return Sheet(f"{name} ({instruction_sets()})", rows, {"ratio": ".2f", "ratio of CPU s": ".2f", "cosine": ".6f"})


def figures(result: Best, base: Best, count: int) -> dict[str, Value]:
    """Speed, processor time, each against the baseline, and the lowest cosine to the baseline's vectors."""
    return {
        "a second": count / result.wall,
        "ratio": base.wall / result.wall,
        "CPU s a query": result.processor / count,
        "ratio of CPU s": base.processor / result.processor,
        "cosine": float((result.vectors * base.vectors).sum(axis=1).min()),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=list(PUBLISHED), nargs="?", default="visualized-bge-base-en")
    parser.add_argument("--images", type=int, default=16, help="queries of each kind; 16")
    parser.add_argument("--batch", type=int, default=16, help="queries a batch; 16")
    parser.add_argument("--rounds", type=int, default=2, help="rounds after one to warm up; the best counts; 2")
    parser.add_argument("--threads", type=int, help="threads for torch on the CPU; torch's choice")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or mps; cpu")
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"], help="number types to compare")
    parser.add_argument("--json", action="store_true", help="print as JSON")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as scratch:
        write_random(options.name, Path(scratch) / "published")
        folder = convert(options.name, Path(scratch) / "published", Path(scratch) / "converted")
        Report([compare(options.name, folder, options)]).show(as_json=options.json)


if __name__ == "__main__":
    main()
