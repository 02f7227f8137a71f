"""Listwise reranking: caption the query picture, show all candidates at once, read one order and a reason."""

import logging
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from PIL.Image import Image

from rerank.candidates import Candidate, RerankQuery
from rerank.caption_cache import CaptionCache, CaptionKey
from rerank.engines.base import Engine, EngineRequest, Generation
from rerank.errors import EngineOverloaded, EngineTimeout, LayoutError, PromptError
from rerank.labels import labels
from rerank.panel import blank, draw_panel
from rerank.parser import bounded, parse_ranking
from rerank.prompts import Prompt, PromptLibrary
from rerank.ranking import Fault, Ranking
from rerank.sanitise import clean_text
from rerank.strategies.base import Degraded, RerankOutcome

__all__ = ["ListwiseStrategy"]

INSTRUCTION_LIMIT, CAPTION_LIMIT, TITLE_LIMIT = 500, 300, 160
"""Characters of the shopper's words, of a caption and of each title that a prompt holds."""

_log = logging.getLogger(__name__)


@dataclass
class _Trace:
    """What a call has come to so far; it outlives a failure half-way."""

    caption: str | None = None
    raw: str = ""
    panel: Image | None = None
    timings_ms: dict[str, float] = field(default_factory=lambda: {"caption": 0.0, "rerank": 0.0})
    prompt_tokens: int = 0
    generated_tokens: int = 0

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.timings_ms[stage] = (time.perf_counter() - start) * 1000


class ListwiseStrategy:
    """One caption call (kept by picture) and one rank call.

    The engine ranks as many of the first candidates as it can take; the rest follow in retrieval order, without a
    score. PromptError or LayoutError on construction if the engine's own prompts are not in the library or do not
    fit it.
    """

    name = "listwise"

    def __init__(self, engine: Engine, prompts: PromptLibrary, caption_cache: CaptionCache | None = None) -> None:
        self.engine = engine
        self.prompts = prompts
        self.caption_cache = caption_cache if caption_cache is not None else CaptionCache()
        self._caption_prompt = self._prompt("caption", None)
        self._prompt("rank", None)

    def rerank(
        self,
        query: RerankQuery,
        candidates: Sequence[Candidate],
        *,
        prompt: str | None = None,
        deadline: float | None = None,
    ) -> RerankOutcome:
        """Rank the candidates; see `Strategy.rerank`. Without candidates nothing is asked."""
        rank_prompt, trace = self._prompt("rank", prompt), _Trace()
        ranking, degraded = Ranking.identity(len(candidates)), None
        try:
            if candidates:
                trace.caption = self._caption(query, deadline, trace)
                ranking = self._rank(query, candidates, rank_prompt, deadline, trace)
        except Exception as error:  # the fault boundary: whatever breaks below, the retrieval order is the answer
            fault, degraded = _declared(error)
            ranking = Ranking.identity(len(candidates), fault)
            _log.warning("%s: %s with engine %s", degraded, rank_prompt.key, self.engine.info.id, exc_info=error)
        return RerankOutcome(
            ranking=ranking,
            engine=self.engine.info.id,
            strategy=self.name,
            prompt=rank_prompt.key,
            degraded=degraded,
            **vars(trace),
        )

    def _prompt(self, task: str, name: str | None) -> Prompt:
        """The named prompt or the engine's own, if it is for this task and this engine's layout."""
        info = self.engine.info
        prompt = self.prompts.get(name if name is not None else info.prompts.get(task, ""))
        if prompt.task != task:
            raise PromptError(f"{prompt.key} is a {prompt.task} prompt, a {task} prompt is needed")
        if task == "rank" and prompt.layout != info.layout:
            raise LayoutError(f"{prompt.key} is for layout {prompt.layout}, engine {info.id} takes {info.layout}")
        return prompt

    def _caption(self, query: RerankQuery, deadline: float | None, trace: _Trace) -> str | None:
        """What the query picture shows, from the cache if it was asked before; None without a picture."""
        if query.image is None:
            return None
        key = CaptionKey(query.image_hash or "", self._caption_prompt.key, self.engine.info.id)
        kept = self.caption_cache.get(key) if query.image_hash else None
        if kept is not None:
            return kept
        prompt = self._caption_prompt
        request = EngineRequest(prompt.render(), (query.image,), (), prompt.max_new_tokens, deadline)
        with trace.timed("caption"):
            caption = clean_text(self._generate(request, trace).text, CAPTION_LIMIT)
        if query.image_hash and caption:
            self.caption_cache.put(key, caption)
        return caption or None

    def _rank(
        self, query: RerankQuery, candidates: Sequence[Candidate], prompt: Prompt, deadline: float | None, trace: _Trace
    ) -> Ranking:
        """The order the engine gives to the first candidates, the others behind it."""
        head = candidates[: self.engine.info.max_candidates]
        with trace.timed("rerank"):
            request = EngineRequest(
                prompt.render(**_values(query, head, trace.caption)),
                self._pictures(query, head, trace),
                labels(len(head)),
                prompt.max_new_tokens,
                deadline,
            )
            generation = self._generate(request, trace)
            trace.raw = bounded(generation.text)
            _check(deadline)  # a late answer is no answer: the caller may already have gone on without it
            return self._ranking(generation, len(head), len(candidates))

    def _ranking(self, generation: Generation, seen: int, n: int) -> Ranking:
        """Parse the answer about the candidates seen; append those not seen."""
        parsed = parse_ranking(
            generation.text,
            seen,
            truncated=generation.finish == "length",
            anchored=self.engine.info.constrained,
        )
        tail = tuple(range(seen, n))
        return replace(parsed, order=parsed.order + tail, scores=_probabilities(generation.label_scores, seen, n))

    def _pictures(self, query: RerankQuery, head: Sequence[Candidate], trace: _Trace) -> tuple[Image, ...]:
        """One panel, or the query picture followed by one picture a candidate."""
        if self.engine.info.layout == "panel":
            trace.panel = draw_panel(query.image, [candidate.image for candidate in head], labels(len(head)))
            return (trace.panel,)
        pictures = tuple(candidate.image or blank() for candidate in head)
        return pictures if query.image is None else (query.image, *pictures)

    def _generate(self, request: EngineRequest, trace: _Trace) -> Generation:
        """Ask the engine unless it is too late, and count the tokens."""
        _check(request.deadline)
        generation = self.engine.generate(request)
        trace.prompt_tokens += generation.prompt_tokens
        trace.generated_tokens += generation.generated_tokens
        return generation


def _values(query: RerankQuery, head: Sequence[Candidate], caption: str | None) -> dict[str, str]:
    """The values of every placeholder, all cleaned: one line a candidate, so that a title cannot forge another."""
    named = zip(labels(len(head)), head, strict=True)
    return {
        "instruction": clean_text(query.text or "", INSTRUCTION_LIMIT),
        "caption": caption or "",
        "candidates": "\n".join(f"{label}: {clean_text(one.title, TITLE_LIMIT)}" for label, one in named),
        "labels": ", ".join(labels(len(head))),
    }


def _probabilities(logits: Sequence[float] | None, seen: int, n: int) -> tuple[float | None, ...] | None:
    """How likely each candidate is to come first: the softmax of the label logits at the first ranking step.

    Source: Reddy et al., "FIRST: Faster Improved Listwise Reranking with Single Token Decoding", EMNLP 2024.
    None if the engine gave none, or not one finite number for each candidate it saw.
    """
    if logits is None or len(logits) != seen or not all(map(math.isfinite, logits)):
        return None
    exponentials = [math.exp(logit - max(logits)) for logit in logits]
    total = sum(exponentials)
    return (*(value / total for value in exponentials), *(None,) * (n - seen))


def _check(deadline: float | None) -> None:
    """Raise EngineTimeout once the deadline has passed."""
    if deadline is not None and time.monotonic() >= deadline:
        raise EngineTimeout("the deadline has passed")


def _declared(error: Exception) -> tuple[Fault, Degraded]:
    """How a failure is reported."""
    if isinstance(error, EngineTimeout):
        return Fault.TIMEOUT, "rerank_timeout"
    if isinstance(error, EngineOverloaded):
        return Fault.BACKEND_ERROR, "rerank_overloaded"
    return Fault.BACKEND_ERROR, "rerank_error"
