"""Which queries of a data set are asked. A unit is a query, or all variations of one topic (see `LabQuery.unit`)."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

from service.lab.judged import DataSet
from service.lab.lab_errors import LabError

LEAST_QUERIES = 20
"""Judged queries: with fewer, a half of them proves nothing, and folds of them hold too few."""


def units(data: DataSet) -> Iterator[str]:
    """The units of a data set in the order of their first query."""
    yield from dict.fromkeys(query.unit for query in data.queries.values())


def of_units(data: DataSet, units: Sequence[str]) -> DataSet:
    """The data set with only the queries of these units."""
    kept, known = frozenset(units), data.judgments
    queries = {id: query for id, query in data.queries.items() if query.unit in kept}
    judgments = None if known is None else {id: known[id] for id in queries if id in known}
    return replace(data, queries=queries, judgments=judgments)


def judged_only(data: DataSet) -> tuple[DataSet, tuple[str, ...]]:
    """The data set without the queries that nobody has judged, and their ids; nothing can be counted for those.

    Unchanged where no query is judged: its runs are made to be judged.
    """
    if not data.judgments:
        return data, ()
    judged = {query.unit for id, query in data.queries.items() if id in data.judgments}
    left_out = tuple(id for id, query in data.queries.items() if query.unit not in judged)
    return (of_units(data, list(judged)) if left_out else data), left_out


def enough_judged(data: DataSet) -> DataSet:
    """The judged queries of a data set from which something is to be learned. Raises LabError if they are too few."""
    data, _ = judged_only(data)
    if data.judgments is None or len(set(units(data))) < LEAST_QUERIES:
        raise LabError(f"{data.name} has fewer than {LEAST_QUERIES} judged queries. Judge more of them first.")
    return data


def draw(data: DataSet, count: int | None, seed: int) -> DataSet:
    """`count` units of the data set, drawn by seed, in the data set's order; all of them if there are no more."""
    known = list(units(data))
    if count is None or count >= len(known):
        return data
    return of_units(data, random.Random(seed).sample(known, count))
