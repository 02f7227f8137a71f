"""The pool of pairs to judge: the top documents of every run, each pair of query and document once.

Depth-k pooling (Sparck Jones and van Rijsbergen 1975; TREC's method ever since): what no run ranks among its first k is
not judged, so runs are compared fairly only if their own first k were in the pool.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from service.lab.dataset_rows import Place, text_lines
from service.lab.judged import DataSet, LabDocument, LabQuery
from service.lab.lab_errors import LabError
from service.lab.trec import read_run

DEPTH = 10
NO_RUNS = "There is no run to judge in {}. Run `withthis evaluate` first, or name runs with --run."


@dataclass(frozen=True, slots=True)
class Pair:
    """A document that some run found for a query. Which run it was, and at which rank, is not kept."""

    query: LabQuery
    document: LabDocument

    @property
    def ids(self) -> tuple[str, str]:
        """The query's id and the document's."""
        return self.query.id, self.document.id


def run_files(folder: Path) -> list[Path]:
    """The runs that an experiment has left in its folder. Raises LabError if there is none."""
    found = sorted((folder / "runs").glob("*.run"))
    if not found:
        raise LabError(NO_RUNS.format(folder))
    return found


def pooled(data: DataSet, runs: Sequence[Path], *, depth: int = DEPTH, seed: int = 7) -> tuple[Pair, ...]:
    """The pairs, query by query; queries and the documents of each in an order that only the seed decides.

    A further run or a greater depth puts pairs in between and leaves the others in their order. What a query excludes
    is not in its pool.

    Raises:
        DataSetError: a run that cannot be read, or that names what the data set does not have; with file and line.
    """
    found: dict[str, set[str]] = {}
    for path in runs:
        for query, documents in _heads(data, path, depth).items():
            found.setdefault(query, set()).update(documents)
    return tuple(
        Pair(data.queries[query], data.documents[document])
        for query in sorted(found, key=lambda query: lot(seed, query))
        for document in sorted(found[query], key=lambda document: lot(seed, query, document))
    )


def _heads(data: DataSet, path: Path, depth: int) -> dict[str, tuple[str, ...]]:
    """The first documents of each query of a run."""
    heads = {}
    for id, ranking in read_run(path).rankings.items():
        if id not in data.queries:
            raise _place(path, id).error(f"the query {id!r} is not in the data set {data.name}")
        heads[id] = ranking.without(data.queries[id].excluded).documents[:depth]
        if unknown := [document for document in heads[id] if document not in data.documents]:
            raise _place(path, id, unknown[0]).error(f"the document {unknown[0]!r} is not in the data set {data.name}")
    return heads


def _place(path: Path, query: str, document: str | None = None) -> Place:
    """The first line of a run about a query, or about one document of it."""
    for place, line in text_lines(path):
        parts = line.split()
        if parts[0] == query and document in (None, *parts[2:3]):
            return place
    return Place(path)


def lot(seed: int, *ids: str) -> float:
    """A number drawn for these ids, whatever else there is."""
    return random.Random(repr((seed, *ids))).random()
