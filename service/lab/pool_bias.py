"""How much of what a configuration shows was judged.

Unjudged documents count as not relevant, so a configuration that was not in the pool, or not as deep, measures worse
than it is (Zobel, "How Reliable Are the Results of Large-Scale Information Retrieval Experiments?", SIGIR 1998;
Buckley, Dimmick, Soboroff and Voorhees, "Bias and the Limits of Pooling", SIGIR 2006).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from service.lab.judged import DataSet, Run
from service.lab.measures import cutoffs, evaluate

UNFAIR = 0.1
"""Difference of two shares from which on a comparison is called unfair: one product of ten."""
MOST_DEPTHS = 4

JudgedShares = Mapping[int, float]
"""Depth k → share of the first k that is judged, averaged as the measures are (`Judged@k`)."""


@dataclass(frozen=True, slots=True)
class Unfair:
    """A configuration whose first `depth` are judged much less than those of another one."""

    name: str
    depth: int
    share: float
    best: str
    best_share: float

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.share:.0%} of its first {self.depth} are judged, and {self.best_share:.0%} of those "
            f"of {self.best}. What is not judged counts as not relevant, so it may be better than measured. Judge its "
            "results, too (withthis judge)."
        )


def judged_shares(data: DataSet, run: Run, measures: Sequence[str]) -> JudgedShares:
    """The shares at the depths of the measures, the smallest `MOST_DEPTHS` of them. Raises as `evaluate`."""
    names = {depth: f"Judged@{depth}" for depth in cutoffs(measures)[:MOST_DEPTHS]}
    if not names:
        return {}
    scores = evaluate(data, run, list(names.values()))
    return {depth: scores.mean(name) for depth, name in names.items()}


def unfair(data: DataSet, shares: Mapping[str, JudgedShares]) -> tuple[Unfair, ...]:
    """The configurations that the pool is unfair to, each at the depth where it is most so.

    None where only relevant documents are judged: then the one that finds more of them has more that is judged.
    """
    grades = (grade for each in data.require_judgments().values() for grade in each.values())
    if all(grade > 0 for grade in grades):
        return ()
    behind = (_behind(name, shares) for name in shares)
    return tuple(worst for worst in behind if worst is not None and worst.best_share - worst.share >= UNFAIR)


def _behind(name: str, shares: Mapping[str, JudgedShares]) -> Unfair | None:
    """A configuration at the depth where most of another one is judged, by comparison; None without depths."""
    found = []
    for depth, share in shares[name].items():
        best = max(shares, key=lambda other: shares[other][depth])
        found.append(Unfair(name, depth, share, best, shares[best][depth]))
    return max(found, key=lambda one: one.best_share - one.share, default=None)
