"""The interface between a search and a reranking strategy."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from PIL.Image import Image

from rerank.candidates import Candidate
from rerank.degraded import Degraded
from rerank.query import Query
from rerank.ranking import Ranking
from rerank.strategies.prompting import INSTRUCTION_LIMIT, TITLE_LIMIT

__all__ = ["RerankOutcome", "ScoreScale", "Strategy", "TextLimits"]

ScoreScale = Literal["absolute", "relative"]
"""Whether a candidate's score depends on the candidate and the query alone, so that it can be compared between calls
about the same query, or also on the other candidates of the call."""


class TextLimits(NamedTuple):
    """Characters that a model is shown of the query and of each candidate's text; the rest is cut."""

    query: int = INSTRUCTION_LIMIT
    document: int = TITLE_LIMIT


@dataclass(frozen=True)
class RerankOutcome:
    """A complete ranking of the candidates and how it came about."""

    ranking: Ranking
    caption: str | None
    """What the query image shows; None without an image."""
    engine: str
    strategy: str
    prompt: str
    """The rank prompt as "id@version"."""
    raw: str = ""
    """What the model wrote for the rank task, at most 64 KiB; untrusted, like everything a model writes."""
    panel: Image | None = None
    """The one image the model ranked; None for an engine that takes images one by one."""
    shown: tuple[str, ...] = ()
    """Ids of the candidates that the model saw together, in the order of their labels; the first of several
    arrangements, the last of several windows."""
    timings_ms: dict[str, float] = field(default_factory=dict)
    """Milliseconds of the stages "caption" and "rerank"; 0 for a stage that did not run."""
    prompt_tokens: int = 0
    """Over all generating calls; scoring calls count none."""
    generated_tokens: int = 0
    """Over all generating calls."""
    degraded: Degraded | None = None
    """Set when the engine gave no answer and the ranking is the retrieval order."""
    scale: ScoreScale = "relative"
    """Of the ranking's scores."""
    limits: TextLimits = field(default=TextLimits())


class Strategy(Protocol):
    """A way to turn candidates in retrieval order into a ranking. It never loses, doubles or invents a candidate."""

    @property
    def name(self) -> str:
        """Name in settings and answers."""

    @property
    def instructable(self) -> bool:
        """Whether an instruction of the query reaches the model."""

    @property
    def scale(self) -> ScoreScale:
        """Of the scores, if it gives any."""

    def rerank(
        self,
        query: Query,
        candidates: Sequence[Candidate],
        *,
        prompt: str | None = None,
        deadline: float | None = None,
    ) -> RerankOutcome:
        """Rank the candidates, given in retrieval order.

        `prompt` names another rank prompt than the engine's own; `deadline` is a value of `time.monotonic()`.
        Without candidates no model is asked. Engine failures come back as the retrieval order with `degraded` set.
        PromptError or LayoutError for a prompt that does not exist or does not fit the engine.
        """
