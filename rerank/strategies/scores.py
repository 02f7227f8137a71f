"""From label logits to a ranking with scores."""

import math
from collections.abc import Sequence
from dataclasses import replace

from rerank.errors import EngineError
from rerank.ranking import Fault, Ranking

__all__ = ["checked", "followed_by_unseen", "ranked_by", "sigmoid", "softmax"]


def checked(logits: Sequence[float], n: int) -> tuple[float, ...]:
    """The logits if they are n numbers; minus infinity stands for a label that the engine has no number for.

    Raises:
        EngineError: there are more or fewer than n, or one is not a number or infinite.
    """
    if len(logits) != n or any(math.isnan(logit) or logit == math.inf for logit in logits):
        raise EngineError(f"the engine gave no usable score for each of {n} labels")
    return tuple(logits)


def softmax(logits: Sequence[float]) -> tuple[float, ...]:
    """How likely each label is to come first. Without any finite logit: all 0."""
    best = max(logits, default=-math.inf)
    if best == -math.inf:
        return (0.0,) * len(logits)
    exponentials = [math.exp(logit - best) for logit in logits]
    total = sum(exponentials)
    return tuple(value / total for value in exponentials)


def sigmoid(margin: float) -> float:
    """1 / (1 + e^-x), without overflow; also for ±infinity."""
    return 1.0 / (1.0 + math.exp(-margin)) if margin >= 0 else 1.0 - sigmoid(-margin)


def ranked_by(keys: Sequence[float], scores: Sequence[float]) -> Ranking:
    """Order candidates by their key, best first, ties in retrieval order.

    A key of minus infinity does not count: those candidates follow in retrieval order, without a score, as repaired.
    `scores`, by candidate position, are what is reported to callers.
    """
    placed = [place for place, key in enumerate(keys) if key > -math.inf]
    fault = Fault.OK if len(placed) == len(keys) else Fault.MISSING if placed else Fault.REFUSAL
    ranking = Ranking.completed(sorted(placed, key=lambda place: -keys[place]), len(keys), fault)
    told = tuple(score if key > -math.inf else None for key, score in zip(keys, scores, strict=True))
    return replace(ranking, scores=told)


def followed_by_unseen(ranking: Ranking, n: int) -> Ranking:
    """The ranking of the first candidates, then those that the engine was not shown, up to n, without scores.

    They count as not placed: `repaired`, and `missing` where the answer about the others was sound.
    """
    unseen = tuple(range(len(ranking.order), n))
    if not unseen:
        return ranking
    return Ranking(
        ranking.order + unseen,
        Fault.MISSING if ranking.fault is Fault.OK else ranking.fault,
        ranking.repaired + unseen,
        ranking.reason,
        None if ranking.scores is None else ranking.scores + (None,) * len(unseen),
    )
