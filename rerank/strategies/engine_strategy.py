"""Shared by the strategies over one engine: prompts, the caption, the fault boundary, the outcome."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rerank.candidates import Candidate
from rerank.caption_cache import CaptionCache
from rerank.engines.engine import Engine
from rerank.prompts import Prompt, PromptLibrary, Task
from rerank.query import Query
from rerank.ranking import Ranking
from rerank.strategies.captioning import Captioner
from rerank.strategies.faults import declared, log_failure
from rerank.strategies.prompting import chosen_prompt
from rerank.strategies.strategy import RerankOutcome, ScoreScale
from rerank.strategies.trace import Trace
from rerank.thumbnails import ThumbnailCache

__all__ = ["Call", "EngineStrategy"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a strategy; `trace` knows the caption by the time candidates are ranked."""

    query: Query
    candidates: Sequence[Candidate]
    prompt: Prompt
    deadline: float | None
    trace: Trace


class EngineStrategy(ABC):
    """Caption the query image, then let `_rank` ask the engine; whatever breaks, the retrieval order is the answer.

    PromptError or LayoutError on construction if the engine's own prompts are not in the library or do not fit it.
    """

    name: ClassVar[str]
    task: ClassVar[Task]
    """The task of the prompts it uses in addition to captions."""
    scale: ClassVar[ScoreScale] = "relative"

    def __init__(
        self,
        engine: Engine,
        prompts: PromptLibrary,
        caption_cache: CaptionCache | None = None,
        thumbnails: ThumbnailCache | None = None,
    ) -> None:
        self.engine = engine
        self.prompts = prompts
        self.captioner = Captioner(engine, prompts, caption_cache)
        self.thumbnails = thumbnails if thumbnails is not None else ThumbnailCache()
        chosen_prompt(prompts, engine.info, self.task, None)

    @property
    def instructable(self) -> bool:
        """As the engine is."""
        return self.engine.info.instructable

    def rerank(
        self,
        query: Query,
        candidates: Sequence[Candidate],
        *,
        prompt: str | None = None,
        deadline: float | None = None,
    ) -> RerankOutcome:
        """Rank the candidates; see `Strategy.rerank`."""
        chosen, trace = chosen_prompt(self.prompts, self.engine.info, self.task, prompt), Trace()
        ranking, degraded = Ranking.identity(len(candidates)), None
        try:
            if candidates:
                self.captioner.caption(query, deadline, trace)
                with trace.timed("rerank"):
                    ranking = self._rank(Call(query, candidates, chosen, deadline, trace))
        except Exception as error:  # the fault boundary: an engine may raise anything
            fault, degraded = declared(error)
            ranking = Ranking.identity(len(candidates), fault)
            log_failure(_log, f"{chosen.key} with engine {self.engine.info.id}", degraded, error)
        return trace.outcome(
            ranking,
            degraded,
            engine=self.engine.info.id,
            strategy=self.name,
            prompt=chosen.key,
            scale=self.scale,
        )

    @abstractmethod
    def _rank(self, call: Call) -> Ranking:
        """The order of at least one candidate. May raise anything."""
