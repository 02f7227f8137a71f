"""The progress of one rerank call: images shown, text written, time and tokens spent."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from PIL.Image import Image

from rerank.deadline import check_deadline
from rerank.degraded import Degraded
from rerank.engines.engine import Engine, EngineRequest, Generation
from rerank.ranking import Ranking
from rerank.stages import observed
from rerank.strategies.strategy import RerankOutcome, ScoreScale

__all__ = ["Trace"]

_SPAN = {"rerank": "rank"}
"""What a stage is called where it stands inside the caller's `rerank`, which includes the wait for its turn."""


@dataclass
class Trace:
    """The parts of a `RerankOutcome` that fill up on the way; it outlives a failure half-way."""

    caption: str | None = None
    raw: str = ""
    panel: Image | None = None
    shown: tuple[str, ...] = ()
    timings_ms: dict[str, float] = field(default_factory=lambda: {"caption": 0.0, "rerank": 0.0})
    prompt_tokens: int = 0
    generated_tokens: int = 0

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the milliseconds of the block to a stage, also when the block fails."""
        start = time.perf_counter()
        try:
            with observed(_SPAN.get(stage, stage)):
                yield
        finally:
            self.timings_ms[stage] += (time.perf_counter() - start) * 1000

    def generate(self, engine: Engine, request: EngineRequest) -> Generation:
        """Ask the engine unless it is too late, and count the tokens. Raises EngineTimeout, or as the engine does."""
        check_deadline(request.deadline)
        generation = engine.generate(request)
        self.prompt_tokens += generation.prompt_tokens
        self.generated_tokens += generation.generated_tokens
        return generation

    def score(self, engine: Engine, requests: Sequence[EngineRequest]) -> list[tuple[float, ...]]:
        """The label logits of each request. Raises as `generate`, and EngineTimeout for an answer that comes late."""
        deadline = requests[0].deadline if requests else None
        check_deadline(deadline)
        rows = engine.score(requests)
        check_deadline(deadline)
        return rows

    def outcome(
        self, ranking: Ranking, degraded: Degraded | None, *, engine: str, strategy: str, prompt: str, scale: ScoreScale
    ) -> RerankOutcome:
        """The ranking with all that is known of how it came about."""
        return RerankOutcome(
            ranking=ranking,
            caption=self.caption,
            engine=engine,
            strategy=strategy,
            prompt=prompt,
            raw=self.raw,
            panel=self.panel,
            shown=self.shown,
            timings_ms=self.timings_ms,
            prompt_tokens=self.prompt_tokens,
            generated_tokens=self.generated_tokens,
            degraded=degraded,
            scale=scale,
        )
