"""Listwise reranking: caption the query image, show all candidates at once, read one order and a reason."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from rerank.candidates import Candidate
from rerank.deadline import check_deadline
from rerank.engines.engine import EngineRequest, Generation
from rerank.labels import labels
from rerank.parser import bounded, parse_ranking
from rerank.prompts import Task
from rerank.ranking import Ranking
from rerank.strategies.engine_strategy import Call, EngineStrategy
from rerank.strategies.prompting import rank_values
from rerank.strategies.scores import followed_by_unseen, softmax
from rerank.strategies.shown_images import images_for

__all__ = ["ListwiseStrategy", "rank_request"]


class ListwiseStrategy(EngineStrategy):
    """One caption call (kept by image) and one rank call.

    The engine ranks as many of the first candidates as it can take; the rest follow in retrieval order, as repaired and
    without a score. `sliding_window.for_any_number` shows it all of them.
    """

    name = "listwise"
    task: ClassVar[Task] = "rank"

    def _rank(self, call: Call) -> Ranking:
        head = call.candidates[: self.engine.info.max_candidates]
        generation = call.trace.generate(self.engine, rank_request(self, call, head))
        call.trace.raw = bounded(generation.text)
        check_deadline(call.deadline)  # a late answer is no answer: the caller may already have gone on without it
        return followed_by_unseen(self._ranking(generation, len(head)), len(call.candidates))

    def _ranking(self, generation: Generation, seen: int) -> Ranking:
        """Parse the answer about the candidates seen."""
        parsed = parse_ranking(
            generation.text,
            seen,
            truncated=generation.finish == "length",
            anchored=self.engine.info.constrained,
        )
        return replace(parsed, scores=_probabilities(generation.label_scores, seen))


def rank_request(strategy: EngineStrategy, call: Call, shown: Sequence[Candidate]) -> EngineRequest:
    """The request that shows candidates and asks for an order of them; the first arrangement goes into the trace."""
    prompt, trace, names = call.prompt, call.trace, labels(len(shown))
    seen = images_for(call.query, shown, names, prompt.layout, strategy.thumbnails)
    if prompt.layout == "panel" and trace.panel is None:
        (trace.panel,) = seen.images
    if not trace.shown:
        trace.shown = tuple(candidate.id for candidate in shown)
    values = rank_values(call.query, shown, trace.caption, prompt.facts)
    return EngineRequest(
        prompt.render(**values),
        seen.images,
        names,
        prompt.max_new_tokens,
        deadline=call.deadline,
        image_keys=seen.keys,
        features=seen.features,
    )


def _probabilities(logits: Sequence[float] | None, seen: int) -> tuple[float, ...] | None:
    """How likely each candidate is to come first: the softmax of the label logits at the first ranking step.

    Source: Reddy et al., "FIRST: Faster Improved Listwise Reranking with Single Token Decoding", EMNLP 2024.
    None if the engine gave none, or not one finite number for each candidate it saw.
    """
    if logits is None or len(logits) != seen or not all(map(math.isfinite, logits)):
        return None
    return softmax(logits)
