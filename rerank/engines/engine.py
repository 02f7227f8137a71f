"""The interface to a vision-language model: images and a prompt in, text out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from PIL.Image import Image

from rerank.answer import ANSWER_PREFIX
from rerank.fusion import FusionMethod
from rerank.labels import MAX_LABELS
from rerank.layout import Layout
from rerank.lru_cache import LruCache

__all__ = ["Caching", "Closable", "Engine", "EngineInfo", "EngineRequest", "Generation"]


@dataclass(frozen=True)
class EngineInfo:
    """What a strategy needs to know about an engine. ValueError if it claims more candidates than there are labels."""

    id: str
    """Names the model and its revision: captions are cached under it."""
    layout: Layout
    max_candidates: int
    """The most candidates one call can rank, 1…26."""
    label_scores: bool
    """Whether `Generation.label_scores` is given for the rank task."""
    constrained: bool
    """Whether decoding is constrained to a permutation of the labels, so that the answer stands at the start of the
    text.
    """
    prompts: Mapping[str, str]
    """Task ("caption", "rank", "match", "grade") → id of the prompt used unless another one is requested."""
    can_score: bool = False
    """Whether `Engine.score` works."""
    reads_titles: bool = True
    """Whether it ranks by the candidates' titles, too, rather than by their images alone."""
    instructable: bool = True
    """Whether it follows an instruction in front of the shopper's words; one that embeds them does not."""
    fusion_weight: float = 1.0
    fusion_method: FusionMethod = "rrf"
    """How its order is best fused with that of retrieval, where nobody says."""

    def __post_init__(self) -> None:
        if not 1 <= self.max_candidates <= MAX_LABELS:
            raise ValueError(f"max_candidates must be 1…{MAX_LABELS}, not {self.max_candidates}")


@dataclass(frozen=True)
class EngineRequest:
    """One call. With labels it is a rank task: the engine constrains its text to a permutation of them if it can.

    In a match task, which is only ever scored, the labels are the two answers; images: the query's, the product's.
    """

    prompt: str
    """The rendered template, without chat tokens; the engine adds its own chat format."""
    images: tuple[Image, ...]
    """RGB. Layout "images": the query image, if there is one, comes before one image per label."""
    labels: tuple[str, ...] = ()
    max_new_tokens: int = 256
    answer_prefix: str = ANSWER_PREFIX
    """What the answer has before the first label; empty if the answer begins with a label."""
    deadline: float | None = None
    """A value of `time.monotonic()`; an engine that can stop early raises EngineTimeout there."""
    image_keys: tuple[str | None, ...] = ()
    """Content hashes of `images` if known, one each or none at all: an engine may cache its features."""
    features: tuple[bytes | None, ...] = ()
    """What a `FeatureExtractor` extracted of `images`, one each or none at all; an image that has them is blank."""


@dataclass(frozen=True)
class Generation:
    """The model's output."""

    text: str
    finish: Literal["stop", "length"]
    """"length": the text was cut off at `max_new_tokens`."""
    label_scores: tuple[float, ...] | None = None
    """Logits of the labels, in label order, at the first ranking step; None if the engine has none to give."""
    prompt_tokens: int = 0
    generated_tokens: int = 0


class Engine(Protocol):
    """The interface of anything that runs a vision-language model."""

    @property
    def info(self) -> EngineInfo:
        """The engine's properties and abilities; constant."""

    def generate(self, request: EngineRequest) -> Generation:
        """Answer one request. Raises EngineError, or its subclasses EngineTimeout and EngineOverloaded."""

    def score(self, requests: Sequence[EngineRequest]) -> list[tuple[float, ...]]:
        """One forward pass per request: the logits of its labels, in label order, where the first label is due.

        Nothing is decoded. Only if `info.can_score`; raises as `generate` does, EngineError otherwise.
        """


@runtime_checkable
class Caching(Protocol):
    """An engine with caches; most keep nothing between calls."""

    @property
    def caches(self) -> Mapping[str, LruCache[Any, Any]]:
        """Its caches, by name in the metrics."""


@runtime_checkable
class Closable(Protocol):
    """An engine with open resources, such as connections; most have only memory."""

    def close(self) -> None:
        """Release resources. No request may follow."""
