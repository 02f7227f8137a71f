"""Single-token reranking: one forward pass, candidates ordered by the logit of their label where the first is due.

Source: Reddy et al., "FIRST: Faster Improved Listwise Reranking with Single Token Decoding", EMNLP 2024. Nothing is
decoded, so the order is complete by construction and every candidate has a real score, but there is no reason.
"""

from collections.abc import Sequence
from typing import ClassVar

from rerank.caption_cache import CaptionCache
from rerank.engines.engine import Engine
from rerank.errors import EngineError
from rerank.prompts import PromptLibrary, Task
from rerank.ranking import Ranking
from rerank.strategies.engine_strategy import Call, EngineStrategy
from rerank.strategies.listwise import rank_request
from rerank.strategies.scores import checked, followed_by_unseen, ranked_by, softmax
from rerank.thumbnails import ThumbnailCache

__all__ = ["SingleTokenStrategy"]


class SingleTokenStrategy(EngineStrategy):
    """One caption call (kept by image) and one scoring call over 1…`rotations` arrangements of the candidates.

    Each rotation shows the candidates from another starting point, spread evenly, and the logits are averaged. With
    as many rotations as candidates everyone has stood at every place, so whatever a place adds to a logit cancels
    out. Scores are the softmax of the averages. Candidates beyond what the engine takes follow in retrieval order, as
    repaired; `sliding_window.for_any_number` shows it all of them. The engine has to be one that `can_score`.
    ValueError for less than one rotation.
    """

    name = "single-token"
    task: ClassVar[Task] = "rank"

    def __init__(
        self,
        engine: Engine,
        prompts: PromptLibrary,
        caption_cache: CaptionCache | None = None,
        thumbnails: ThumbnailCache | None = None,
        *,
        rotations: int = 1,
    ) -> None:
        super().__init__(engine, prompts, caption_cache, thumbnails)
        if rotations < 1:
            raise ValueError(f"at least one rotation is needed, not {rotations}")
        self.rotations = rotations

    def _rank(self, call: Call) -> Ranking:
        head = call.candidates[: self.engine.info.max_candidates]
        shifts = _shifts(len(head), self.rotations)
        requests = [rank_request(self, call, [*head[shift:], *head[:shift]]) for shift in shifts]
        logits = _averaged(call.trace.score(self.engine, requests), shifts, len(head))
        return followed_by_unseen(ranked_by(logits, softmax(logits)), len(call.candidates))


def _shifts(n: int, rotations: int) -> list[int]:
    """Starting points for up to n different rotations of n candidates; the first is the retrieval order."""
    count = min(n, rotations)
    return [turn * n // count for turn in range(count)]


def _averaged(rows: Sequence[Sequence[float]], shifts: Sequence[int], n: int) -> list[float]:
    """The mean logit of each candidate; the candidate at place p of a rotation is (p + shift) mod n."""
    if len(rows) != len(shifts):
        raise EngineError(f"the engine answered {len(rows)} of {len(shifts)} requests")
    turned = [(checked(row, n), shift) for row, shift in zip(rows, shifts, strict=True)]
    return [sum(row[(place - shift) % n] for row, shift in turned) / len(turned) for place in range(n)]
