"""A text cross-encoder before the vision-language model: only the likely ones of many candidates are passed on.

The model that looks at images is slow; one that reads the shopper's words together with a title is fast and knows which
titles have nothing to do with them. It only prunes: who is let through goes on in retrieval order, and so do the others
behind them, because retrieval has seen the images and titles have not.
"""

import logging
import math
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

from rerank.candidates import Candidate
from rerank.deadline import check_deadline
from rerank.errors import EngineError
from rerank.query import Query
from rerank.ranking import Ranking
from rerank.sanitize import clean_text
from rerank.strategies.captioning import Captioner
from rerank.strategies.faults import declared, log_failure
from rerank.strategies.prompting import INSTRUCTION_LIMIT, TITLE_LIMIT
from rerank.strategies.strategy import RerankOutcome, ScoreScale, Strategy
from rerank.strategies.trace import Trace

__all__ = ["CrossEncoderStrategy", "FlagScorer", "TextScorer"]

_log = logging.getLogger(__name__)


class TextScorer(Protocol):
    """Anything that reads two texts together."""

    def score(self, pairs: Sequence[tuple[str, str]]) -> Sequence[float]:
        """How well each (query, title) belongs together, higher is better, on any scale. May raise anything."""


class CrossEncoderStrategy:
    """Let the best `keep` candidates by title through to another strategy; the others follow in retrieval order.

    The query it reads is the shopper's words and what their image shows. If there is neither, the first `keep`
    go through. With at most `keep` candidates the other strategy is all there is. The time of pruning counts as
    "rerank". If the cross-encoder fails the answer is the retrieval order, declared as any failure is.
    ValueError for a `keep` below 1.
    """

    def __init__(
        self, base: Strategy, captioner: Captioner, scorer: TextScorer, *, keep: int, name: str = "cross-encoder"
    ) -> None:
        if keep < 1:
            raise ValueError(f"at least one candidate has to be kept, not {keep}")
        self.base, self.captioner, self.scorer, self.keep = base, captioner, scorer, keep
        self._name = name

    @property
    def name(self) -> str:
        """Name in settings and answers."""
        return self._name

    @property
    def instructable(self) -> bool:
        """As the other strategy is."""
        return self.base.instructable

    @property
    def scale(self) -> ScoreScale:
        """As the other strategy's."""
        return self.base.scale

    def rerank(
        self,
        query: Query,
        candidates: Sequence[Candidate],
        *,
        prompt: str | None = None,
        deadline: float | None = None,
    ) -> RerankOutcome:
        """Rank the candidates; see `Strategy.rerank`."""
        if len(candidates) <= self.keep:
            outcome = self.base.rerank(query, candidates, prompt=prompt, deadline=deadline)
            return replace(outcome, strategy=self.name)
        nothing, trace = self.base.rerank(query, (), prompt=prompt), Trace()  # reports a wrong prompt before any work
        try:
            caption = self.captioner.caption(query, deadline, trace)
            with trace.timed("rerank"):
                kept = self._kept(query, caption, candidates, deadline)
        except Exception as error:  # the fault boundary: a model may raise anything
            fault, degraded = declared(error)
            log_failure(_log, f"cross-encoder before engine {nothing.engine}", degraded, error)
            ranking = Ranking.identity(len(candidates), fault)
            return trace.outcome(
                ranking,
                degraded,
                engine=nothing.engine,
                strategy=self.name,
                prompt=nothing.prompt,
                scale=nothing.scale,
            )
        shown = [candidates[place] for place in kept]
        known = replace(query, caption=caption or "")
        outcome = self.base.rerank(known, shown, prompt=prompt, deadline=deadline)
        return self._whole(outcome, kept, len(candidates), trace)

    def _kept(
        self, query: Query, caption: str | None, candidates: Sequence[Candidate], deadline: float | None
    ) -> list[int]:
        """The places of the `keep` best titles, in retrieval order."""
        asked = _asked(query, caption)
        if not asked:
            return list(range(self.keep))
        check_deadline(deadline)
        scores = self.scorer.score([(asked, clean_text(one.title, TITLE_LIMIT)) for one in candidates])
        check_deadline(deadline)
        if len(scores) != len(candidates) or any(math.isnan(score) for score in scores):
            raise EngineError(f"the cross-encoder gave no score for each of {len(candidates)} titles")
        return sorted(sorted(range(len(candidates)), key=lambda place: -scores[place])[: self.keep])

    def _whole(self, outcome: RerankOutcome, kept: Sequence[int], n: int, trace: Trace) -> RerankOutcome:
        """The outcome about those kept as one about all."""
        spent = {stage: ms + trace.timings_ms.get(stage, 0.0) for stage, ms in outcome.timings_ms.items()}
        return replace(
            outcome,
            strategy=self.name,
            ranking=_widened(outcome.ranking, kept, n)
            if outcome.degraded is None
            else Ranking.identity(n, outcome.ranking.fault),
            timings_ms=spent,
            prompt_tokens=outcome.prompt_tokens + trace.prompt_tokens,
            generated_tokens=outcome.generated_tokens + trace.generated_tokens,
        )


def _asked(query: Query, caption: str | None) -> str:
    """The query as one text: the words, the image's content in brackets, or whichever there is."""
    words = clean_text(query.text or "", INSTRUCTION_LIMIT)
    return f"{words} ({caption})" if words and caption else words or caption or ""


def _widened(ranking: Ranking, kept: Sequence[int], n: int) -> Ranking:
    """A ranking of the kept places as one of all n, the others behind them without scores."""
    rest = sorted(set(range(n)).difference(kept))
    scores = ranking.scores and dict(zip(kept, ranking.scores, strict=True))
    return Ranking(
        (*(kept[place] for place in ranking.order), *rest),
        ranking.fault,
        tuple(kept[place] for place in ranking.repaired),
        ranking.reason,
        tuple(scores.get(place) for place in range(n)) if scores else None,
    )


class FlagScorer:
    """`FlagEmbedding.FlagReranker` (such as BAAI/bge-reranker-v2-m3) as a `TextScorer`; threads take turns at it.

    The extra `[text]` installs it.
    """

    def __init__(self, reranker: Any) -> None:
        """Take a loaded `FlagReranker`; use `load`."""
        self._reranker = reranker
        self._lock = threading.Lock()  # its tokenizer keeps the settings of the call in progress

    @classmethod
    def load(cls, model: str, device: str = "cpu") -> "FlagScorer":
        """Load a model by its name on the hub or its folder, on one device of torch. Its code is never run.

        On CUDA it computes with 16 bits, elsewhere with 32.

        Raises:
            ImportError: FlagEmbedding is not installed.
            OSError: the files are missing.
        """
        from FlagEmbedding import FlagReranker  # noqa: PLC0415 (only where a cross-encoder is used)

        # One device named: by itself it would start a process for every GPU.
        return cls(FlagReranker(model, use_fp16=device.startswith("cuda"), devices=device, trust_remote_code=False))

    def score(self, pairs: Sequence[tuple[str, str]]) -> Sequence[float]:
        """Raw logits, one a pair."""
        with self._lock:
            return [float(score) for score in self._reranker.compute_score(list(pairs), max_length=512)]
