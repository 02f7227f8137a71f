"""Reranking by a trained model: it reads the query and each candidate together, and says how relevant the one is.

No caption is made for it, and no text is written: it sees the images of both, and its instruction is the prompt.
"""

import logging
import math
from collections.abc import Sequence
from dataclasses import replace

from rerank.candidates import Candidate
from rerank.deadline import check_deadline
from rerank.degraded import Degraded
from rerank.errors import PromptError
from rerank.prompts import Prompt, PromptLibrary
from rerank.query import Query
from rerank.ranking import Ranking
from rerank.sanitize import clean_text
from rerank.scorers.scorer import PairScorer, Reads, Side
from rerank.strategies.faults import declared, log_failure
from rerank.strategies.prompting import described
from rerank.strategies.scores import ranked_by
from rerank.strategies.strategy import RerankOutcome, ScoreScale, TextLimits
from rerank.strategies.trace import Trace

__all__ = ["PROMPT", "RerankerStrategy"]

PROMPT = "reranker"
"""The instruction that is used unless another one is configured or asked for."""

LIMITS = TextLimits(query=2000, document=4000)
"""Of the characters that are sent. The models cut by themselves what is longer than they can read."""

_log = logging.getLogger(__name__)


class RerankerStrategy:
    """Scores from 0 to 1 of a trained reranker, each of one candidate alone; any number of candidates.

    A side that the reranker cannot take whole is reduced: of a document with text and image, one that takes either
    sees the image, one that takes texts the text; a document of which nothing is left is not placed. A query is never
    reduced, as half of it asks for something else: the answer is the retrieval order.
    PromptError on construction if the instruction is not a prompt of the task "relevance".
    """

    name = "reranker"
    scale: ScoreScale = "absolute"

    def __init__(self, scorer: PairScorer, prompts: PromptLibrary, prompt: str = PROMPT) -> None:
        self.scorer, self._prompts, self._prompt = scorer, prompts, prompt
        self._chosen(None)

    @property
    def instructable(self) -> bool:
        """As the scorer is."""
        return self.scorer.info.instructable

    def rerank(
        self,
        query: Query,
        candidates: Sequence[Candidate],
        *,
        prompt: str | None = None,
        deadline: float | None = None,
    ) -> RerankOutcome:
        """Rank the candidates; see `Strategy.rerank`."""
        chosen, trace = self._chosen(prompt), Trace(caption=query.caption or None)
        ranking, degraded = Ranking.identity(len(candidates)), None
        if candidates and not _can_ask(query, self.scorer.info.query):
            degraded = Degraded.LOW_TRUST
        elif candidates:
            try:
                with trace.timed("rerank"):
                    ranking = self._ranked(query, candidates, chosen, deadline)
            except Exception as error:  # the fault boundary: a model may raise anything
                fault, degraded = declared(error)
                ranking = Ranking.identity(len(candidates), fault)
                log_failure(_log, f"{chosen.key} with reranker {self.scorer.info.id}", degraded, error)
        outcome = trace.outcome(
            ranking, degraded, engine=self.scorer.info.id, strategy=self.name, prompt=chosen.key, scale=self.scale
        )
        return replace(outcome, limits=LIMITS)

    def _ranked(self, query: Query, candidates: Sequence[Candidate], prompt: Prompt, deadline: float | None) -> Ranking:
        check_deadline(deadline)
        asked = Side(clean_text(query.text or "", LIMITS.query), query.image)
        instruction = clean_text(query.instruction or prompt.render(), LIMITS.query) if self.instructable else ""
        reads = self.scorer.info.documents
        sides = [_reduced(_side(one, prompt), reads) for one in candidates]
        shown = [side for side in sides if side]
        scores = iter(self.scorer.score(asked, shown, instruction, deadline) if shown else ())
        check_deadline(deadline)  # a late answer is no answer: the caller may already have gone on without it
        # An empty document matches nothing; servers refuse to be asked about it.
        keys = [-math.inf if side is None else next(scores) if side else 0.0 for side in sides]
        return ranked_by(keys, keys)

    def _chosen(self, name: str | None) -> Prompt:
        prompt = self._prompts.get(self._prompt if name is None else name)
        if prompt.task != "relevance":
            raise PromptError(f"{prompt.key} is a {prompt.task} prompt, a relevance prompt is needed")
        return prompt


def _can_ask(query: Query, reads: Reads) -> bool:
    """Whether the query can be asked as it is."""
    has_text = bool(query.text and query.text.strip())
    if reads == "both" or query.image is None:
        return has_text or query.image is not None
    return reads == "either" and not has_text


def _side(candidate: Candidate, prompt: Prompt) -> Side:
    return Side(described(candidate, prompt.facts, LIMITS.document), candidate.image)


def _reduced(side: Side, reads: Reads) -> Side | None:
    """As much of a document as is read; None if that is nothing although there was something."""
    if side.image is None or reads == "both":
        return side
    if reads == "either":
        return Side("", side.image)
    return Side(side.text) if side.text else None
