"""Runs an experiment: every query through every configuration, each answer on disk before the next is asked for.

A run that is killed at any moment goes on where it was. Queries go in the data set's order and one at a time, so that
times are those of a service without load.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Protocol

from service.lab.bench import Benches
from service.lab.configuration import Configuration
from service.lab.digests import digest
from service.lab.experiment import Experiment
from service.lab.gallery import Gallery, drawn, image_key, units
from service.lab.judged import DataSet, LabQuery
from service.lab.models import Models
from service.lab.outcomes import QueryOutcome
from service.lab.run_folder import Outcomes, RunFolder


class Progress(Protocol):
    """Told how far a piece of work is; a command line draws its bars from this."""

    def __call__(self, work: str, done: int, total: int) -> None:
        """``work`` names the piece; the same name comes again until ``done`` is ``total``."""
        ...


@dataclass(frozen=True)
class Answered:
    """A configuration and what it answered, in the data set's order. ``key`` names its file of outcomes."""

    configuration: Configuration
    key: str
    encoder: str
    """Fingerprint of the encoder."""
    k: int
    outcomes: tuple[QueryOutcome, ...]


@dataclass(frozen=True)
class Results:
    """What an experiment found: the queries that were drawn, and every configuration's answers to them."""

    experiment: Experiment
    data: DataSet
    answered: tuple[Answered, ...]
    fresh: int
    """Outcomes that were measured now; the others were known."""


def run_experiment(
    experiment: Experiment, data: DataSet, folder: RunFolder, *, models: Models | None = None, progress: Progress
) -> Results:
    """Measure every configuration on the data set, as far as it is not known from an earlier run in this folder.

    Raises:
        DataSetError: a picture that cannot be read.
        ConfigurationError: something that a configuration names cannot be loaded; before any query is asked.
        LabError: a damaged file in the folder, or a depth that the measures need and a configuration does not give.
    """
    data = draw(data, experiment.queries, experiment.seed)
    models = models or Models(folder.cache)
    try:
        gallery = Gallery.of(data, lambda done: progress("reading the pictures", done, len(data.documents)))
        benches = Benches(gallery, models)
        try:
            return _Run(experiment, data, folder, benches, progress).results()
        finally:
            benches.close()
    finally:
        models.close()


def draw(data: DataSet, count: int | None, seed: int) -> DataSet:
    """``count`` units of the data set, drawn by seed, in the data set's order; all of them where there are no more."""
    known = list(units(data))
    if count is None or count >= len(known):
        return data
    return drawn(data, random.Random(seed).sample(known, count))


def query_digest(query: LabQuery) -> str:
    """Everything that a query asks, as one hash."""
    conditions = None if query.filter is None else query.filter.model_dump_json(exclude_none=True)
    groups = [repr(sorted(query.excluded)), repr(query.gallery), repr(query.subset), repr(query.wordings)]
    return digest(query.text, image_key(query.image), conditions, *groups)


class _Run:
    """The state of one run."""

    def __init__(
        self, experiment: Experiment, data: DataSet, folder: RunFolder, benches: Benches, progress: Progress
    ) -> None:
        self._experiment = experiment
        self._data = data
        self._folder = folder
        self._benches = benches
        self._progress = progress
        self._digests = {id: query_digest(query) for id, query in data.queries.items()}
        self._fresh = 0

    def results(self) -> Results:
        """All configurations, one after the other."""
        answered = tuple(self._answered(one) for one in self._experiment.configurations)
        return Results(self._experiment, self._data, answered, self._fresh)

    def _answered(self, configuration: Configuration) -> Answered:
        settings = configuration.settings
        wanted = configuration.k or self._data.protocol.depth
        # What is reranked must be seen: otherwise a product could come from nowhere.
        k = min(max(wanted, settings.rerank_candidates if settings.rerank_enabled else 1), settings.max_limit)
        key = self._benches.key(configuration, k)
        outcomes = self._folder.outcomes(key)
        try:
            self._measure(configuration, k, outcomes)
        finally:
            outcomes.close()
        known = (outcomes.get(id, self._digests[id]) for id in self._data.queries)
        found = tuple(outcome for outcome in known if outcome is not None)
        return Answered(configuration, key, self._benches.fingerprint(configuration), k, found)

    def _measure(self, configuration: Configuration, k: int, outcomes: Outcomes) -> None:
        """Ask what is not known yet."""
        queries, name = self._data.queries, configuration.name
        pending = [query for id, query in queries.items() if outcomes.get(id, self._digests[id]) is None]
        done = len(queries) - len(pending)
        self._progress(name, done, len(queries))
        if not pending:
            return
        total = len(self._data.documents)
        bench = self._benches.bench(
            configuration,
            k,
            lambda rows: self._progress(f"embedding with {configuration.settings.encoder}", rows, total),
        )
        for query in pending:
            outcomes.add(bench.measure(query), self._digests[query.id])
            self._fresh += 1
            done += 1
            self._progress(name, done, len(queries))
