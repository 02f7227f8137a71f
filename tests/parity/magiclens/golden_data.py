"""The golden cases: queries, and what the published code made of them."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from rerank.query import Query

GOLDEN = Path(__file__).parent / "golden"
WEIGHTS = GOLDEN / "magic_lens_clip_tiny.pkl"
TOLERANCE = 1e-5
LOOSE = 5e-5  # for numbers before the last normalization, which reach 9

CASES: list[dict[str, Any]] = json.loads((GOLDEN / "cases.json").read_text(encoding="utf-8"))
SINGLES = [case for case in CASES if "image" in case]
BATCHES = [case for case in CASES if "images" in case]


@cache
def expected() -> dict[str, Tensor]:
    return load_file(GOLDEN / "expected.safetensors")


def image(case: dict[str, Any]) -> Image.Image:
    """What the encoder is given. `direct` cases let the published model cut the center out of the image itself."""
    found = opened(case["image"])
    if case["via"] == "process_img":
        return found
    side = min(found.size)
    left, top = ((length - side) // 2 for length in found.size)
    return found.crop((left, top, left + side, top + side))


def opened(name: str) -> Image.Image:
    """As `Image.open` gives it, in its own mode, with the file closed."""
    found = Image.open(GOLDEN / "images" / name)
    found.load()
    return found


def query(case: dict[str, Any]) -> Query:
    return Query(case["text"] or None, image(case))
