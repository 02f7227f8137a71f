"""GPUs for the VLM: the tokens of a reranked search, and how fast a GPU processes them.

Tokens of an image are those of Phi-3 Vision's own formula, taken from the engine's code by drawing an empty panel.
Time is that of the roofline model (Williams et al., CACM 52(4), 2009): reading a prompt is bound by arithmetic, writing
an answer by memory, since each step reads all weights and the keys and values of every sequence in the batch.

- arithmetic of a token: 2 · parameters, and 2 · layers · width · position for attention (Kaplan et al., arXiv
  2001.08361, §2.1; causal). A crop costs the vision tower 2 · parameters · 577 patches.
- memory of a token's keys and values: 2 · layers · width · 2 bytes; Phi-3 mini shares none of its heads.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from service.capacity.workload import Workload

LANGUAGE_PARAMETERS, LAYERS, WIDTH = 3.82e9, 32, 3072
VISION_PARAMETERS, PATCHES = 0.304e9, 577
WEIGHT_BYTES = 8.3e9
"""Published: config.json and weights of microsoft/Phi-3.5-vision-instruct (bfloat16), CLIP ViT-L/14 at 336 pixels."""

CAPTION_PROMPT_TOKENS, CAPTION_TOKENS = 60, 30
RANK_PROMPT_TOKENS, TITLE_TOKENS, REASON_TOKENS, LABEL_TOKENS = 250, 20, 60, 4
"""Assumed: texts of the prompts `caption` and `rank-panel`, and of answers in the form they ask for."""
QUERY_PIXELS = (1024, 768)
"""Assumed: a photograph, as it comes from the service's own working size."""

ARITHMETIC_USE, MEMORY_USE = 0.4, 0.6
"""Assumed: shares of the data sheet's peaks that vLLM reaches. Not measured here; give measured rates instead."""
CACHE_SHARE = 0.9
"""Published: vLLM's default of --gpu-memory-utilization."""
CACHE_RESERVE_BYTES = 2e9
"""Assumed: activations and CUDA graphs."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU by its data sheet: dense bfloat16 operations per second, memory bytes per second, memory, and a price."""

    operations_per_s: float
    bytes_per_s: float
    memory_bytes: float
    price_hour: float
    """Assumed, US dollars, with its machine."""


GPUS = {
    "l4": Gpu(121e12, 0.300e12, 24e9, 0.8),
    "a10g": Gpu(70e12, 0.600e12, 24e9, 1.2),
    "l40s": Gpu(362e12, 0.864e12, 48e9, 1.9),
    "a100": Gpu(312e12, 2.039e12, 80e9, 3.5),
    "h100": Gpu(989e12, 3.350e12, 80e9, 5.0),
    "h200": Gpu(989e12, 4.800e12, 141e9, 6.0),
}
"""Published: NVIDIA's data sheets, without sparsity."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What one GPU was measured to do with many requests at once; None: computed from its data sheet."""

    prefill_tokens_per_s: float | None = None
    decode_tokens_per_s: float | None = None

    def __post_init__(self) -> None:
        if any(rate is not None and rate <= 0 for rate in (self.prefill_tokens_per_s, self.decode_tokens_per_s)):
            raise ValueError("rates must be above zero")


@dataclass(frozen=True, slots=True)
class Tokens:
    """One reranked search: a caption of the query's image and a ranking of the panel."""

    panel: int
    """Of them, the panel's."""
    read: int
    written: int
    context: int
    """Of the longer of the two calls, at its end."""
    crops: int
    """Pieces that the vision tower sees, in both calls."""


def tokens(work: Workload) -> Tokens:
    """Tokens of a reranked search whose caption is not in the cache."""
    panel, panel_crops = _panel(work.candidates, work.crops)
    query, query_crops = _image_tokens(*QUERY_PIXELS, work.crops)
    rank_prompt = RANK_PROMPT_TOKENS + TITLE_TOKENS * work.candidates + panel
    answer = REASON_TOKENS + LABEL_TOKENS * work.candidates
    return Tokens(
        panel,
        rank_prompt + CAPTION_PROMPT_TOKENS + query,
        answer + CAPTION_TOKENS,
        max(rank_prompt + answer, CAPTION_PROMPT_TOKENS + query + CAPTION_TOKENS),
        panel_crops + query_crops,
    )


def gpu_s(work: Workload, gpu: Gpu, rates: Rates) -> float:
    """GPU seconds of one reranked search, with enough others at the same time to fill the GPU."""
    of = tokens(work)
    return _read_s(of, gpu, rates) + _write_s(of, gpu, rates)


def _read_s(of: Tokens, gpu: Gpu, rates: Rates) -> float:
    if rates.prefill_tokens_per_s is not None:
        return of.read / rates.prefill_tokens_per_s
    language = of.read * 2 * (LANGUAGE_PARAMETERS + LAYERS * WIDTH * of.context / 2)
    vision = of.crops * PATCHES * 2 * VISION_PARAMETERS
    return (language + vision) / (gpu.operations_per_s * ARITHMETIC_USE)


def _write_s(of: Tokens, gpu: Gpu, rates: Rates) -> float:
    if rates.decode_tokens_per_s is not None:
        return of.written / rates.decode_tokens_per_s
    sequence = of.context * 2 * LAYERS * WIDTH * 2
    batch = max(1.0, (gpu.memory_bytes * CACHE_SHARE - WEIGHT_BYTES - CACHE_RESERVE_BYTES) // sequence)
    step = (WEIGHT_BYTES + batch * sequence) / (gpu.bytes_per_s * MEMORY_USE)
    return of.written * step / batch


@cache
def _panel(candidates: int, crops: int) -> tuple[int, int]:
    from rerank.labels import labels  # noqa: PLC0415 (with Pillow and torch; other commands do without)
    from rerank.panel import blank, draw_panel  # noqa: PLC0415

    return _image_tokens(*draw_panel(blank(), [None] * candidates, labels(candidates)).size, crops)


@cache
def _image_tokens(width: int, height: int, crops: int) -> tuple[int, int]:
    """Tokens of an image of this size, and the pieces that the vision tower sees: its crops and a global view."""
    from PIL import Image  # noqa: PLC0415

    from rerank.engines.phi3_vision.image_processing import CROP_SIDE, hd_transform, token_count  # noqa: PLC0415

    cut = hd_transform(Image.new("RGB", (width, height)), crops)
    rows, columns = cut.height // CROP_SIDE, cut.width // CROP_SIDE
    return token_count(rows, columns), rows * columns + 1
