"""Measures with a user model that no library of ours computes: RBP and ERR, under the names of ir-measures.

ir-measures leaves ERR to a Perl script that takes grades up to 4, and RBP to a package that wants binary grades.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from service.lab.judged import RankedList
from service.lab.lab_errors import UnknownMeasure
from service.lab.measures.measure import Measure, Measured, PerQuery


@dataclass(frozen=True, slots=True)
class RankBiasedPrecision:
    """RBP: (1 - p) Σ rel(i) p^(i-1) (Moffat & Zobel, TOIS 27(1), 2008, equation 1). `rel`: the least grade that counts;
    without it a grade counts as its share of the largest (section 3.6). p is the user's persistence.
    """

    name: str
    persistence: float
    rel: int | None
    cutoff: int | None

    def values(self, run: Measured) -> PerQuery:
        """The value of each query."""
        most = _largest(run)
        return {query: self._value(run.rankings[query], grades, most) for query, grades in run.judgments.items()}

    def _value(self, ranking: RankedList, grades: Mapping[str, int], most: int) -> float:
        gains = (self._gain(grades.get(document, 0), most) for document in ranking.documents[: self.cutoff])
        return (1 - self.persistence) * sum(gain * self.persistence**place for place, gain in enumerate(gains))

    def _gain(self, grade: int, most: int) -> float:
        return max(0, grade) / most if self.rel is None else float(grade >= self.rel)


@dataclass(frozen=True, slots=True)
class ExpectedReciprocalRank:
    """ERR: Σ 1/r Π_{i<r} (1 - R_i) R_r with R = (2^g - 1) / 2^g_max, g_max being the largest grade of the data set
    (Chapelle, Metzler, Zhang & Grinspan, CIKM 2009, equations 4 and 7).
    """

    name: str
    cutoff: int | None

    def values(self, run: Measured) -> PerQuery:
        """The value of each query."""
        most = _largest(run)
        return {query: self._value(run.rankings[query], grades, most) for query, grades in run.judgments.items()}

    def _value(self, ranking: RankedList, grades: Mapping[str, int], most: int) -> float:
        found, unsatisfied = 0.0, 1.0
        for rank, document in enumerate(ranking.documents[: self.cutoff], start=1):
            grade = max(0, grades.get(document, 0))
            stops = 2.0 ** (grade - most) - 2.0**-most
            found += unsatisfied * stops / rank
            unsatisfied *= 1 - stops
        return found


def graded_measure(name: str, family: str, params: Mapping[str, Any]) -> Measure | None:
    """The measure of a parsed name; None if it is of another family. Raises UnknownMeasure for a wrong parameter."""
    makers: dict[str, Callable[[], Measure]] = {
        "RBP": lambda: RankBiasedPrecision(name, params.get("p", 0.8), params.get("rel"), params.get("cutoff")),
        "ERR": lambda: ExpectedReciprocalRank(name, params.get("cutoff")),
    }
    if family not in makers:
        return None
    if unknown := params.keys() - {"RBP": {"p", "rel", "cutoff"}, "ERR": {"cutoff"}}[family]:
        raise UnknownMeasure(f"{name!r} has a parameter that {family} does not know: {min(unknown)}.")
    if not 0 < params.get("p", 0.8) < 1:
        raise UnknownMeasure(f"The persistence of {name!r} is not between 0 and 1.")
    return makers[family]()


def _largest(run: Measured) -> int:
    """The largest grade; 1 where nothing is relevant."""
    return max(1, *(max(grades.values(), default=1) for grades in run.judgments.values()), 1)
