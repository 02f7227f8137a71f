"""The golden cases: prompts, images, and what the published code made of them."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

GOLDEN = Path(__file__).parent / "golden"

_TURN = re.compile(r"<\|user\|>\n((?:<\|image_\d\|>\n)*)(.*)<\|end\|>\n<\|assistant\|>\n", re.DOTALL)


@dataclass(frozen=True)
class Case:
    """One golden case."""

    id: str
    raw: dict[str, Any]

    @property
    def words(self) -> str:
        """The prompt without its chat format, after a look that this is what it is made of."""
        turn = _TURN.fullmatch(self.raw["prompt"])
        assert turn is not None
        assert turn[1].count("<|image_") == len(self.raw["images"])
        return turn[2]

    @property
    def num_crops(self) -> int:
        return int(self.raw["num_crops"] or 16)

    def images(self) -> list[Image.Image]:
        return [Image.open(GOLDEN / "images" / name) for name in self.raw["images"]]


CASES = [Case(raw["id"], raw) for raw in json.loads((GOLDEN / "cases.json").read_text(encoding="utf-8"))]
WITH_IMAGES = [case for case in CASES if case.raw["images"]]
EXPECTED: dict[str, Tensor] = load_file(GOLDEN / "expected.safetensors")


def sample_image(name: str = "panel") -> Image.Image:
    """One of the golden images as RGB."""
    return Image.open(GOLDEN / "images" / f"{name}.png").convert("RGB")
