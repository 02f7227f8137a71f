"""`Ranking`: an order that is always a permutation of the candidates, with its provenance."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self, TypeVar

__all__ = ["Fault", "Ranking"]

T = TypeVar("T")


class Fault(StrEnum):
    """What was wrong with the reranker's answer. Whatever it was, the ranking is complete."""

    OK = "ok"
    """Every candidate exactly once, in the agreed format."""
    WRONG_FORMAT = "wrong_format"
    """Labels were found, but not in the agreed format."""
    MISSING = "missing"
    """Some candidates were not named; they follow in retrieval order."""
    REPETITION = "repetition"
    """Some candidates were named twice; the first place counts."""
    OUT_OF_RANGE = "out_of_range"
    """Labels that no candidate carries were named and dropped."""
    TRUNCATED = "truncated"
    """The answer was cut off before every candidate was named."""
    REFUSAL = "refusal"
    """No label at all: the retrieval order is kept."""
    FLAT_SCORES = "flat_scores"
    """The scores tell nothing apart: the retrieval order is kept."""
    TIMEOUT = "timeout"
    """No answer before the deadline: the retrieval order is kept."""
    BACKEND_ERROR = "backend_error"
    """The engine failed: the retrieval order is kept."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """An order over n candidates, best first. ValueError on construction if it is not a permutation of 0…n-1.

    Candidates are distinguished by position alone, so two with equal content stay two.
    """

    order: tuple[int, ...]
    """Candidate positions (retrieval order, 0-based), best first."""
    fault: Fault = Fault.OK
    repaired: tuple[int, ...] = ()
    """The candidates that the answer did not place and that were completed, in their final order."""
    reason: str | None = None
    scores: tuple[float | None, ...] | None = None
    """By candidate position, not by rank; higher is better. None if the engine did not see the candidate."""

    def __post_init__(self) -> None:
        n = len(self.order)
        if sorted(self.order) != list(range(n)):
            raise ValueError(f"not a permutation of {n} candidates: {self.order}")
        kept = set(self.repaired)
        if self.repaired != tuple(place for place in self.order if place in kept):
            raise ValueError(f"repaired {self.repaired} is not a part of the order {self.order}")
        if self.scores is not None and len(self.scores) != n:
            raise ValueError(f"{len(self.scores)} scores for {n} candidates")

    @classmethod
    def identity(cls, n: int, fault: Fault = Fault.OK, reason: str | None = None) -> Self:
        """The retrieval order of n candidates."""
        return cls(tuple(range(n)), fault, reason=reason)

    @classmethod
    def completed(cls, named: Iterable[int], n: int, fault: Fault = Fault.OK, reason: str | None = None) -> Self:
        """The named positions, each at its first place, then every other candidate in retrieval order."""
        order = tuple(dict.fromkeys(named))
        missing = tuple(place for place in range(n) if place not in order)
        return cls(order + missing, fault, missing, reason)

    def apply(self, items: Sequence[T]) -> list[T]:
        """The items, given in retrieval order, in ranked order. ValueError if there are more or fewer than ranked."""
        if len(items) != len(self.order):
            raise ValueError(f"{len(items)} items for a ranking of {len(self.order)}")
        return [items[place] for place in self.order]
