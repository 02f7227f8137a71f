"""Pointwise reranking: each candidate alone is a match or a mismatch, and the probability of a match is its score."""

import math
from collections.abc import Iterator, Sequence
from typing import ClassVar

from rerank.candidates import Candidate
from rerank.caption_cache import CaptionCache
from rerank.engines.engine import Engine, EngineRequest
from rerank.errors import EngineError
from rerank.labels import labels
from rerank.prompts import PromptLibrary, Task
from rerank.ranking import Ranking
from rerank.strategies.engine_strategy import Call, EngineStrategy
from rerank.strategies.prompting import match_values
from rerank.strategies.scores import checked, ranked_by, sigmoid
from rerank.strategies.shown_images import images_for
from rerank.strategies.strategy import ScoreScale
from rerank.thumbnails import ThumbnailCache

__all__ = ["PointwiseStrategy"]

BATCH = 8
"""Candidates scored in one call of the engine; between calls the deadline is looked at."""

_ANSWERS = labels(2)
"""A is a match, B a mismatch, as the match prompts say."""

_CERTAIN = 1e6
"""Stands in for an infinite margin: only one of the two answers had a logit."""

_CELL = ("?",)
"""The mark on the one product of a panel. No letter: it would be mistaken for an answer."""


class PointwiseStrategy(EngineStrategy):
    """One caption call (kept by image) and one forward pass a candidate; any number of candidates.

    Scores do not depend on the other candidates, so they can be compared between calls with the same query. The
    engine has to be one that `can_score` and that has a match prompt.
    """

    name = "pointwise"
    task: ClassVar[Task] = "match"
    scale: ClassVar[ScoreScale] = "absolute"

    def __init__(
        self,
        engine: Engine,
        prompts: PromptLibrary,
        caption_cache: CaptionCache | None = None,
        thumbnails: ThumbnailCache | None = None,
        *,
        batch: int = BATCH,
    ) -> None:
        super().__init__(engine, prompts, caption_cache, thumbnails)
        self.batch = batch

    def _rank(self, call: Call) -> Ranking:
        margins: list[float] = []
        for start in range(0, len(call.candidates), self.batch):
            requests = [self._request(call, one) for one in call.candidates[start : start + self.batch]]
            margins += _margins(call.trace.score(self.engine, requests), len(requests))
        return ranked_by(margins, [sigmoid(margin) for margin in margins])

    def _request(self, call: Call, candidate: Candidate) -> EngineRequest:
        prompt = call.prompt
        text = prompt.render(**match_values(call.query, candidate, call.trace.caption, prompt.facts))
        seen = images_for(call.query, [candidate], _CELL, prompt.layout, self.thumbnails)
        return EngineRequest(
            text,
            seen.images,
            _ANSWERS,
            prompt.max_new_tokens,
            "",
            deadline=call.deadline,
            image_keys=seen.keys,
            features=seen.features,
        )


def _margins(rows: Sequence[Sequence[float]], n: int) -> Iterator[float]:
    """By how much each candidate is a match rather than a mismatch, in logits; minus infinity where neither is known.

    The softmax over the two answers is the sigmoid of this, which stays apart where probabilities round to 1.
    """
    if len(rows) != n:
        raise EngineError(f"the engine answered {len(rows)} of {n} requests")
    for row in rows:
        match, mismatch = checked(row, len(_ANSWERS))
        margin = match - mismatch
        yield -math.inf if math.isnan(margin) else max(-_CERTAIN, min(margin, _CERTAIN))
