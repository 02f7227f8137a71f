"""Evaluation of a run against the judgments of its data set."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from service.lab.judged import DataSet, LabQuery, RankedList, Run
from service.lab.lab_errors import LabError
from service.lab.measures.measure import Measured, PerQuery
from service.lab.measures.names import parse
from service.lab.measures.scores import Scores
from service.lab.measures.standard import StandardMeasure, standard_values

_NOTHING = RankedList(())


def evaluate(dataset: DataSet, run: Run, measures: Sequence[str] | None = None) -> Scores:
    """Measure a run on every judged query; one that the run does not answer counts as empty.

    Excluded documents are removed first, and values of paired queries are averaged. `measures`: names for
    `parse`; None: the protocol's.

    Raises:
        JudgmentsMissing: a split without public ground truth.
        UnknownMeasure: a name that nobody can compute.
        LabError: a measure that does not fit the data set, or a run of another data set.
    """
    dataset.require_judgments()
    wanted = [parse(name) for name in dict.fromkeys(measures or dataset.protocol.measures)]
    measured = _measured(dataset, run)
    standard = standard_values([measure for measure in wanted if isinstance(measure, StandardMeasure)], measured)
    values = {m.name: standard[m.name] if m.name in standard else m.values(measured) for m in wanted}
    judged = [dataset.queries[query] for query in measured.judgments]
    units = {name: _by_unit(judged, per_query) for name, per_query in values.items()}
    return Scores(
        run.name,
        {name: {unit: sum(each) / len(each) for unit, each in found.items()} for name, found in units.items()},
        _unit_tags(judged),
        {name: _spread(found) for name, found in units.items()},
        dataset.protocol.macro,
    )


def _measured(dataset: DataSet, run: Run) -> Measured:
    judgments = dataset.require_judgments()
    if judgments and run.rankings and not judgments.keys() & run.rankings.keys():
        raise LabError(f"The run {run.name!r} has no query of {dataset.name}. Is it a run of another data set?")
    galleries = _Galleries()
    queries = {query: dataset.queries[query] for query in judgments}
    rankings = {
        id: galleries.within(query, run.rankings.get(id, _NOTHING)).without(query.excluded)
        for id, query in queries.items()
    }
    subsets = {
        id: run.subsets.get(id, rankings[id]).within(query.subset).without(query.excluded)
        for id, query in queries.items()
        if query.subset is not None
    }
    return Measured(judgments, rankings, subsets)


class _Galleries:
    """Restricts rankings to a query's gallery. Thousands of queries share a gallery, so each is made a set once."""

    def __init__(self) -> None:
        self._sets: dict[int, frozenset[str]] = {}

    def within(self, query: LabQuery, ranking: RankedList) -> RankedList:
        if query.gallery is None:
            return ranking
        key = id(query.gallery)  # readers give all queries of a gallery the same tuple
        if key not in self._sets:
            self._sets[key] = frozenset(query.gallery)
        return ranking.within(self._sets[key])


def _by_unit(queries: Sequence[LabQuery], values: PerQuery) -> Mapping[str, list[float]]:
    """The values of each topic's queries; FashionIQ's two caption orders are such queries."""
    gathered: dict[str, list[float]] = defaultdict(list)
    for query in queries:
        gathered[query.unit].append(values[query.id])
    return gathered


def _spread(values: Mapping[str, Sequence[float]]) -> Mapping[str, float]:
    """PinPoint's linguistic sensitivity (arXiv 2603.04598, `evaluate.py`): the range over the wordings of one wish."""
    return {topic: max(each) - min(each) for topic, each in values.items() if len(each) > 1}


def _unit_tags(queries: Sequence[LabQuery]) -> Mapping[str, frozenset[str]]:
    tags: dict[str, frozenset[str]] = {}
    for query in queries:
        tags[query.unit] = tags.get(query.unit, frozenset()) | query.tags
    return tags
