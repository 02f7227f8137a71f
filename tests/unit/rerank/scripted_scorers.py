"""Rerankers that mean something, and such as are met in the field and do not: one a seed."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from PIL import Image

from rerank.candidates import Candidate
from rerank.scorers.scorer import ScorerInfo, Side

Score = Callable[[random.Random, Side, Side], float]

BOTH = ScorerInfo("scripted", "both", "both", instructable=True)
COLORS = ("red", "green", "blue", "orange", "purple", "black", "white", "yellow", "pink", "gray", "brown", "cyan")
KINDS = ("mug", "cap", "poster", "lamp")


@cache
def products() -> tuple[Candidate, ...]:
    """48 products; kind and color are said, the color is seen."""
    images = {color: Image.new("RGB", (4, 4), color) for color in COLORS}
    return tuple(
        Candidate(f"{kind} {color}", f"{kind}, {color}, no. {number}", images[color], 0.5, f"{number}")
        for number, (kind, color) in enumerate((kind, color) for color in COLORS for kind in KINDS)
    )


def overlap(query: Side, document: Side, *, texts: bool = True, images: bool = True) -> float:
    """How much of the query is in the document, from 0 to 1, by what is read."""
    parts: list[float] = []
    if texts and query.text:
        words = set(query.text.split())
        parts.append(len(words & set(document.text.split())) / len(words))
    if images and query.image is not None:
        seen = document.image is not None and query.image.getpixel((0, 0)) == document.image.getpixel((0, 0))
        parts.append(float(seen))
    return sum(parts) / len(parts) if parts else 0.5


def sound(rng: random.Random, query: Side, document: Side) -> float:
    return 0.2 + 0.6 * overlap(query, document) + rng.uniform(-0.04, 0.04)


def text_blind(rng: random.Random, query: Side, document: Side) -> float:
    return 0.2 + 0.6 * overlap(query, document, texts=False) + rng.uniform(-0.04, 0.04)


def image_blind(rng: random.Random, query: Side, document: Side) -> float:
    return 0.2 + 0.6 * overlap(query, document, images=False) + rng.uniform(-0.04, 0.04)


def of_document(rng: random.Random, query: Side, document: Side) -> float:
    """Blind to the query: nothing changes if they are swapped."""
    return random.Random(f"{rng.seed_text}{document.text}{document.image and document.image.getpixel((0, 0))}").random()  # type: ignore[attr-defined]


def of_pair(rng: random.Random, query: Side, document: Side) -> float:
    """A head that was never trained: the same pair always gets the same score, which says nothing."""
    seen = [side.image and side.image.getpixel((0, 0)) for side in (query, document)]
    return random.Random(f"{rng.seed_text}{query.text}|{document.text}|{seen}").random()  # type: ignore[attr-defined]


MEANINGLESS: Mapping[str, Score] = {
    "constant": lambda rng, query, document: 0.4494,
    "about a half": lambda rng, query, document: 0.5 + rng.uniform(-0.02, 0.02),
    "random": lambda rng, query, document: rng.random(),
    "untrained": of_pair,
    "blind to the query": of_document,
    "as the query says": lambda rng, query, document: random.Random(query.text).random(),
}


@dataclass
class Seeded(random.Random):
    """A generator that tells its seed."""

    seed_text: int = 0

    def __post_init__(self) -> None:
        super().seed(self.seed_text)


class ScriptedScorer:
    """A scorer of a kind, in the version of a seed."""

    def __init__(self, score: Score, seed: int, info: ScorerInfo = BOTH) -> None:
        self.info, self._score, self._rng = info, score, Seeded(seed)

    def score(
        self, query: Side, documents: Sequence[Side], instruction: str, deadline: float | None = None
    ) -> list[float]:
        return [self._score(self._rng, query, document) for document in documents]
