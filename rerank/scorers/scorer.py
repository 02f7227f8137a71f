"""The interface to a trained reranker, which reads a query and a document together and says how relevant it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from PIL.Image import Image

from rerank.errors import EngineError

__all__ = ["PairScorer", "Reads", "ScorerInfo", "Side", "checked_scores"]

Reads = Literal["text", "either", "both"]
"""What one side of a pair can be: a text, a text or an image, or both together."""

_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class ScorerInfo:
    """What a strategy needs to know about a scorer; constant."""

    id: str
    """Names the model."""
    query: Reads
    documents: Reads
    instructable: bool
    """Whether an instruction reaches the model."""


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a pair: a clean text, which may be empty, an RGB image, or both."""

    text: str
    image: Image | None = None

    def __bool__(self) -> bool:
        """Whether there is anything to read."""
        return bool(self.text) or self.image is not None


class PairScorer(Protocol):
    """A trained reranker; threads may share it."""

    @property
    def info(self) -> ScorerInfo:
        """The scorer's properties."""

    def score(
        self, query: Side, documents: Sequence[Side], instruction: str, deadline: float | None = None
    ) -> list[float]:
        """How relevant each document is to the query, from 0 to 1, in their order, each independent of the others.

        Sides hold no more than `info` says. `deadline` is a value of `time.monotonic()`.

        Raises:
            EngineTimeout: it is not done before the deadline.
            EngineOverloaded: another call held the model until the deadline, or the server is overloaded.
            EngineError: the model failed, or gave no such score for each document.
        """


def checked_scores(scores: Sequence[float], n: int) -> list[float]:
    """The scores if they are n numbers from 0 to 1, but for rounding. EngineError otherwise: a model that is served
    without its own head, or a server that was told to send logits, gives others.
    """
    if len(scores) != n:
        raise EngineError(f"the reranker gave {len(scores)} scores for {n} documents")
    if not all(-_TOLERANCE <= score <= 1 + _TOLERANCE for score in scores):  # also false for NaN
        raise EngineError("the reranker gave a score that is not between 0 and 1")
    return [min(1.0, max(0.0, score)) for score in scores]
