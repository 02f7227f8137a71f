"""The queries that reranking helped and hurt the most, as rows of images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.lab.judged import DataSet
from service.lab.report.thumbnails import Thumbnails
from service.lab.summary import Summary

SHOWN = 10
"""Cases of each kind."""
LENGTH = 9
"""Products of a row, at most."""

_DIGITS = 9  # beyond them there is only the rounding of sums


@dataclass(frozen=True)
class Shown:
    """One product of a row. `moved`: places gained by reranking; `grade` None: not judged; `level`: how good the
    grade is, from 0 to 3.
    """

    title: str
    image: str | None
    grade: int | None
    level: int
    moved: int


@dataclass(frozen=True)
class Case:
    """One query: what was asked, both orders, and what the model said."""

    id: str
    text: str | None
    image: str | None
    tags: tuple[str, ...]
    before: tuple[Shown, ...]
    after: tuple[Shown, ...]
    value_before: float
    value_after: float
    caption: str | None
    reason: str | None
    fault: str | None
    degraded: str | None

    @property
    def gain(self) -> float:
        """What reranking changed."""
        return self.value_after - self.value_before


def gains(summary: Summary, measure: str) -> dict[str, float]:
    """What reranking changed for each unit, against the same configuration's own retrieval."""
    final, before = summary.scores.values[measure], summary.retrieval.values[measure]
    return {unit: round(final[unit] - before[unit], _DIGITS) for unit in final}


def shown_summary(summaries: Sequence[Summary], measure: str) -> Summary | None:
    """The reranked configuration with the best mean among those that changed any order; None if none did."""
    changed = [one for one in summaries if one.reranking and any(gains(one, measure).values())]
    return max(changed, key=lambda one: one.estimates[measure].mean, default=None)


def best_and_worst(data: DataSet, summary: Summary, measure: str, images: Thumbnails) -> tuple[list[Case], list[Case]]:
    """The cases with the largest gains and the largest losses; fewer if there are no more."""
    by_gain = gains(summary, measure)
    ordered = sorted(by_gain, key=lambda unit: (-by_gain[unit], unit))
    best = [unit for unit in ordered if by_gain[unit] > 0][:SHOWN]
    worst = [unit for unit in reversed(ordered) if by_gain[unit] < 0][:SHOWN]
    cases = _Cases(data, summary, measure, images)
    return [cases.case(unit) for unit in best], [cases.case(unit) for unit in worst]


class _Cases:
    """Makes cases of units; of a pair of queries, the first is shown."""

    def __init__(self, data: DataSet, summary: Summary, measure: str, images: Thumbnails) -> None:
        self._data = data
        self._before = summary.retrieval.values[measure]
        self._after = summary.scores.values[measure]
        self._images = images
        self._judgments = data.judgments or {}
        self._levels = sorted({grade for each in self._judgments.values() for grade in each.values() if grade > 0})
        self._outcomes = {outcome.query: outcome for outcome in summary.answered.outcomes}
        self._queries = {query.unit: query for query in reversed(list(data.queries.values()))}

    def case(self, unit: str) -> Case:
        """What was asked, both orders, and what the model said."""
        query = self._queries[unit]
        outcome = self._outcomes[query.id]
        retrieved = tuple(document for document, _ in outcome.retrieved)
        seen = min(LENGTH, outcome.reranked)
        return Case(
            id=query.id,
            text=query.text,
            image=self._images.name(query.image),
            tags=tuple(sorted(query.tags)),
            before=tuple(self._shown(query.id, document) for document in retrieved[:seen]),
            after=tuple(
                self._shown(query.id, document, retrieved.index(document) - rank)
                for rank, document in enumerate(outcome.final[:seen])
            ),
            value_before=self._before[unit],
            value_after=self._after[unit],
            caption=outcome.caption,
            reason=outcome.reason,
            fault=outcome.fault,
            degraded=outcome.degraded,
        )

    def _shown(self, query: str, document: str, moved: int = 0) -> Shown:
        known, grade = self._data.documents[document], self._judgments.get(query, {}).get(document)
        image = self._images.name(known.image)
        return Shown(known.title or known.id, image, grade, _level(grade, self._levels), moved)


def _level(grade: int | None, levels: Sequence[int]) -> int:
    """0 for what is not relevant or not judged, else 1 to 3 by the place of the grade among those of the data set."""
    if grade is None or grade <= 0:
        return 0
    return max(1, round(3 * (levels.index(grade) + 1) / len(levels)))
