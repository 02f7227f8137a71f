"""Stand-ins for the model seam: an engine that says what a test wants and remembers what it was asked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from PIL import Image

from rerank.candidates import Candidate
from rerank.engines.engine import EngineInfo, EngineRequest, Generation
from rerank.query import Query

Scorer = Callable[[EngineRequest], tuple[float, ...]]
Answer = Generation | Exception | Callable[[EngineRequest], Generation]

PANEL_PROMPTS = {"caption": "caption", "rank": "rank-panel"}
IMAGES_PROMPTS = {"caption": "caption-starter", "rank": "rank-images"}
PANEL_ENGINE = EngineInfo("fake", "panel", 9, True, False, PANEL_PROMPTS)

NOTHING = Generation("", "stop")
LEOPARD = Generation("a leopard", "stop", prompt_tokens=5, generated_tokens=3)


@dataclass
class FakeEngine:
    """Answers every caption request and every rank request with what it was given; raises what is an exception.

    Scores likewise: unless told otherwise, the first label has the highest logit.
    """

    answer: Answer = NOTHING
    caption: Answer = LEOPARD
    info: EngineInfo = PANEL_ENGINE
    logits: Exception | Scorer = lambda request: tuple(float(-place) for place in range(len(request.labels)))
    asked: list[EngineRequest] = field(default_factory=list)
    scored: list[EngineRequest] = field(default_factory=list)

    def score(self, requests: Sequence[EngineRequest]) -> list[tuple[float, ...]]:
        self.scored.extend(requests)
        if isinstance(self.logits, Exception):
            raise self.logits
        return [self.logits(request) for request in requests]

    def generate(self, request: EngineRequest) -> Generation:
        self.asked.append(request)
        said = self.answer if request.labels else self.caption
        if isinstance(said, Exception):
            raise said
        return said if isinstance(said, Generation) else said(request)

    def taking(self, layout: Literal["panel", "images"], *, constrained: bool = False) -> "FakeEngine":
        """The same engine with another layout."""
        prompts = PANEL_PROMPTS if layout == "panel" else IMAGES_PROMPTS
        return replace(self, info=replace(self.info, layout=layout, constrained=constrained, prompts=prompts))

    def scoring(self, match: str | None = None) -> "FakeEngine":
        """The same engine, which can score, and match with this prompt."""
        prompts = {**self.info.prompts, **({"match": match} if match else {})}
        return replace(self, info=replace(self.info, can_score=True, prompts=prompts))


def says(text: str, finish: Literal["stop", "length"] = "stop") -> Generation:
    return Generation(text, finish, prompt_tokens=100, generated_tokens=20)


def sample_image(colour: str = "orange", size: tuple[int, int] = (32, 24)) -> Image.Image:
    return Image.new("RGB", size, colour)


def candidates(n: int, title: str = "product") -> list[Candidate]:
    return [Candidate(f"p{i}", f"{title} {i}", sample_image("red"), 1.0 - i / 100) for i in range(n)]


def query(text: str | None = "a phone case with this", image_hash: str | None = "cafe") -> Query:
    return Query(text, sample_image(), image_hash=image_hash)
