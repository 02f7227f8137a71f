"""One call of the model about the candidates of a query, and whether its answer may change their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rerank.degraded import Degraded
from rerank.ranking import Fault
from rerank.strategies.strategy import RerankOutcome


@dataclass(frozen=True, slots=True)
class RerankCall:
    """The model's answer, or why there is none; both if there is one that must not change the order."""

    outcome: RerankOutcome | None = None
    degraded: Degraded | None = None

    @classmethod
    def answered(cls, outcome: RerankOutcome) -> RerankCall:
        """The call of a strategy that came to an outcome."""
        if outcome.degraded is None and _is_flat(outcome.ranking.scores):
            flat = replace(outcome.ranking, fault=Fault.FLAT_SCORES)
            return cls(replace(outcome, ranking=flat), Degraded.LOW_TRUST)
        return cls(outcome, _degradation(outcome))


def _degradation(outcome: RerankOutcome) -> Degraded | None:
    """Why an outcome must not change the order, or None if it may."""
    if outcome.degraded is not None:
        return outcome.degraded
    ranking = outcome.ranking
    nothing_placed = ranking.fault is not Fault.OK and len(ranking.repaired) == len(ranking.order)
    return Degraded.UNUSABLE if ranking.fault is Fault.REFUSAL or nothing_placed else None


def _is_flat(scores: Sequence[float | None] | None) -> bool:
    """Whether every candidate has the same score, so that the scores separate nothing."""
    return scores is not None and len(scores) > 1 and None not in scores and len(set(scores)) == 1
