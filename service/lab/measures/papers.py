"""Measures that trec_eval does not have, as the papers of composed image retrieval define them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from service.lab.judged import RankedList
from service.lab.lab_errors import LabError
from service.lab.measures.measure import Measured, PerQuery


@dataclass(frozen=True, slots=True)
class CappedAveragePrecision:
    """CIRCO's mAP@k: AP@k divided by min(relevant, k) (Baldrati et al., ICCV 2023; `src/evaluation.py`).

    trec_eval's AP@k divides by all relevant documents, so that nothing reaches 1 where more than k are relevant.
    """

    name: str
    cutoff: int

    def values(self, run: Measured) -> PerQuery:
        """The value of each query; 0 where nothing is relevant."""
        return {query: self._value(run.rankings[query], grades) for query, grades in run.judgments.items()}

    def _value(self, ranking: RankedList, grades: Mapping[str, int]) -> float:
        relevant = {document for document, grade in grades.items() if grade > 0}
        found, total = 0, 0.0
        for rank, document in enumerate(ranking.documents[: self.cutoff], start=1):
            if document in relevant:
                found += 1
                total += found / rank
        return total / min(len(relevant), self.cutoff) if relevant else 0.0


@dataclass(frozen=True, slots=True)
class NegativeRecall:
    """PinPoint's NegRecall@k: explicit negatives among the first k, divided by min(negatives, k) (arXiv 2603.04598;
    `utils/metrics.py`). A negative has a grade below 0. The less the better.
    """

    name: str
    cutoff: int

    def values(self, run: Measured) -> PerQuery:
        """The value of each query; 0 where nothing is an explicit negative."""
        return {query: self._value(run.rankings[query], grades) for query, grades in run.judgments.items()}

    def _value(self, ranking: RankedList, grades: Mapping[str, int]) -> float:
        negatives = sum(grade < 0 for grade in grades.values())
        found = sum(grades.get(document, 0) < 0 for document in ranking.documents[: self.cutoff])
        return found / min(negatives, self.cutoff) if negatives else 0.0


@dataclass(frozen=True, slots=True)
class SubsetRecall:
    """CIRR's R_subset@k: is the target among the first k of the query's own group? (Liu et al., ICCV 2021)

    The reference image is a member of the group and is removed first, so five are left to be ranked.
    """

    name: str
    cutoff: int

    def values(self, run: Measured) -> PerQuery:
        """1 or 0 for each query. A group that the run did not rank is a miss. LabError if no query has a group."""
        if not run.subsets:
            raise LabError(f"{self.name} needs a data set whose queries have subsets, such as CIRR.")
        return {query: self._value(run.subsets.get(query), grades) for query, grades in run.judgments.items()}

    def _value(self, order: RankedList | None, grades: Mapping[str, int]) -> float:
        first = order.documents[: self.cutoff] if order else ()
        return float(any(grades.get(document, 0) > 0 for document in first))
