"""The golden cases: queries, and what the published code made of them."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from rerank.query import Query

GOLDEN = Path(__file__).parent / "golden"
TOLERANCE = 1e-5


@dataclass(frozen=True)
class Golden:
    """One of the two tiny checkpoints."""

    folder: Path
    encoder: str

    @property
    def weights(self) -> Path:
        return self.folder / "weights.pth"

    @cached_property
    def expected(self) -> dict[str, Tensor]:
        return load_file(self.folder / "expected.safetensors")

    @cached_property
    def cases(self) -> list[dict[str, Any]]:
        cases: list[dict[str, Any]] = json.loads((self.folder / "cases.json").read_text(encoding="utf-8"))
        return cases

    @property
    def singles(self) -> list[dict[str, Any]]:
        """Cases of one query, without the empty text, which is no query here."""
        return [case for case in self.cases if "text" in case and (case["text"] or case["image"])]

    @property
    def batches(self) -> list[dict[str, Any]]:
        return [case for case in self.cases if "texts" in case]

    def image(self, name: str) -> Image.Image:
        """As `Image.open` gives it, in its own mode, with the file closed."""
        image = Image.open(self.folder / "images" / name)
        image.load()
        return image

    def query(self, text: str | None, image: str | None) -> Query:
        return Query(text, None if image is None else self.image(image))


BASE = Golden(GOLDEN / "base", "visualized-bge-base-en")
M3 = Golden(GOLDEN / "m3", "visualized-bge-m3")
BOTH = (BASE, M3)


def name_of(golden: Golden) -> str:
    """For test ids."""
    return golden.folder.name
