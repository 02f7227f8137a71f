"""Visualized BGE in batches against one query at a time as the published class computes it; same random weights.

``python -m benchmarks.encoders --images 16 --threads 2``. The baseline is fp32, one query a call, with attention
written out in the vision tower (what the published class does without xformers). Ratios are those of queries a second.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.nn import functional as fn

from benchmarks.random_visualized_bge import write_random
from service.encoders.base import EncoderQuery
from service.encoders.device import DtypeName
from service.encoders.visualized_bge.config import PUBLISHED
from service.encoders.visualized_bge.conversion import convert
from service.encoders.visualized_bge.encoder import VisualizedBgeEncoder
from service.encoders.visualized_bge.vision import Attention, rotate

Vectors = npt.NDArray[np.float32]
TEXT = "a phone case with the pattern of this picture, in blue"


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


def pictures(count: int, seed: int = 0) -> list[Image.Image]:
    """Coarse noise in the shape of photos, 640 × 480."""
    noise = np.random.default_rng(seed).integers(0, 256, (count, 12, 16, 3), np.uint8)
    return [Image.fromarray(grid).resize((640, 480), Image.Resampling.BICUBIC) for grid in noise]


def as_published(encoder: VisualizedBgeEncoder) -> VisualizedBgeEncoder:
    """Write the attention of its vision tower out."""
    for block in encoder._model.model_visual.visual.blocks:
        block.attn.__class__ = WrittenOutAttention
    return encoder


def timed(encode: Callable[[], Vectors], device: str) -> tuple[Vectors, float]:
    """Result and seconds, after the device has finished."""
    start = time.perf_counter()
    vectors = encode()
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return vectors, time.perf_counter() - start


def run(encoder: VisualizedBgeEncoder, queries: list[EncoderQuery], at_once: int, device: str) -> tuple[Vectors, float]:
    """Encode all in calls of ``at_once``, after one call to warm up."""
    encoder.encode(queries[:at_once])
    parts = [queries[start : start + at_once] for start in range(0, len(queries), at_once)]
    return timed(lambda: np.concatenate([encoder.encode(part).vectors for part in parts]), device)


def compare(name: str, folder: Path, options: argparse.Namespace) -> Table:
    """All ways, for pictures alone and with a text."""
    images = pictures(options.images)
    kinds = {
        "picture": [EncoderQuery(image=image) for image in images],
        "picture + text": [EncoderQuery(TEXT, image) for image in images],
    }
    table = Table("queries", "way", "number type", "batch", "a second", "ratio", "lowest cosine to baseline")
    ways: list[tuple[str, DtypeName, int]] = [("as published", "float32", 1)]
    ways += [("ours", dtype, size) for dtype, size in product(options.dtypes, dict.fromkeys((1, options.batch)))]
    baseline: dict[str, tuple[Vectors, float]] = {}
    for label, dtype, size in ways:
        encoder = VisualizedBgeEncoder.load(name, folder, device=options.device, dtype=dtype, batch=size)
        encoder = as_published(encoder) if label == "as published" else encoder
        for kind, queries in kinds.items():
            vectors, seconds = run(encoder, queries, size, options.device)
            reference, slow = baseline.setdefault(kind, (vectors, seconds))
            cosine = f"{(vectors * reference).sum(axis=1).min():.6f}"
            table.add_row(
                kind, label, dtype, str(size), f"{len(images) / seconds:.2f}", f"{slow / seconds:.2f}", cosine
            )
    return table


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=list(PUBLISHED), nargs="?", default="visualized-bge-base-en")
    parser.add_argument("--images", type=int, default=16, help="queries of each kind; 16")
    parser.add_argument("--batch", type=int, default=16, help="queries a batch; 16")
    parser.add_argument("--threads", type=int, help="threads for torch on the CPU; torch's choice")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or mps; cpu")
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"], help="number types to compare")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as scratch:
        write_random(options.name, Path(scratch) / "published")
        folder = convert(options.name, Path(scratch) / "published", Path(scratch) / "converted")
        Console().print(compare(options.name, folder, options))


if __name__ == "__main__":
    main()
