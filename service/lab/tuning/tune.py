"""Cross-validated tuning: each query is judged with an adapter that has not seen it, by the whole search pipeline."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from service.encoders.encoder import EncoderInfo
from service.lab.bench import Benches
from service.lab.comparison import Comparison, compare
from service.lab.composition import without_reranking
from service.lab.experiment import Experiment
from service.lab.folds import folds
from service.lab.gallery import Gallery
from service.lab.judged import DataSet, LabQuery, Run
from service.lab.lab_errors import LabError
from service.lab.measurement import Bench
from service.lab.measures import evaluate
from service.lab.models import Models
from service.lab.outcomes import QueryOutcome, final_run
from service.lab.run_folder import RunFolder
from service.lab.runner import Progress, enough_judged, measured_depth
from service.lab.tuning.examples import Examples, new_examples
from service.lab.tuning.fit import RANK, fit, train
from service.search.query_adapter import QueryAdapter

FOLDS = 5
INNER = 5
"""One in so many of the queries of a fold's training decides when to stop."""


@dataclass(frozen=True)
class Tuned:
    """What tuning found. `comparison`: with the adapters of queries that they have not seen, against without."""

    adapter: QueryAdapter
    encoder: EncoderInfo
    comparison: Comparison
    measure: str
    queries: int
    epochs: int

    @property
    def is_proven(self) -> bool:
        """Whether unseen queries are significantly better with it."""
        return self.comparison.is_better and self.comparison.is_significant

    @property
    def queries_needed(self) -> int | None:
        """How many more queries would prove a difference as large as the one that was seen, four times in five: the
        standard error falls with the root of their number. None where nothing was gained.
        """
        gained, detectable = self.comparison.difference, self.comparison.detectable
        if self.is_proven or not self.comparison.is_better or not detectable:
            return None
        return max(1, math.ceil(self.queries * ((detectable / abs(gained)) ** 2 - 1)))


def tune(
    experiment: Experiment,
    data: DataSet,
    folder: RunFolder,
    *,
    rank: int = RANK,
    models: Models | None = None,
    progress: Progress,
) -> Tuned:
    """Learn an adapter for the retrieval of the experiment's first configuration, by its first measure.

    Raises:
        LabError: too few judged queries, or none of which something is relevant.
        ConfigurationError: as `run_experiment`.
    """
    data = enough_judged(data)
    models = models or Models(folder.cache)
    try:
        gallery = Gallery.of(data, lambda done: progress("reading the images", done, len(data.documents)))
        benches = Benches(gallery, models)
        try:
            return _Tuning(experiment, data, benches, rank, progress).result()
        finally:
            benches.close()
    finally:
        models.close()


class _Tuning:
    """One tuning of one configuration."""

    def __init__(self, experiment: Experiment, data: DataSet, benches: Benches, rank: int, progress: Progress) -> None:
        self._data = data
        self._queries = list(data.queries.values())
        self._seed = experiment.seed
        self._rank = rank
        self._progress = progress
        self._measure = (experiment.measures or data.protocol.measures)[0]
        configuration = without_reranking(experiment.configurations[0])
        k = configuration.k or max(measured_depth(experiment, data), 1)
        total = len(data.documents)
        self._bench = benches.bench(configuration, k, lambda done: progress("embedding the documents", done, total))

    def result(self) -> Tuned:
        """Cross-validate, compare, and train on everything."""
        examples = self._examples()
        if not examples.units:
            raise LabError(f"{self._data.name} has no query of which a document is relevant.")
        before = self._run("without", dict.fromkeys(set(examples.units)))
        after = self._run("tuned", self._out_of_fold(examples))
        scores = [evaluate(self._data, run, [self._measure]) for run in (before, after)]
        (comparison,) = compare(scores[0], scores[1:], [self._measure], seed=self._seed)
        adapter, epochs = self._learned(examples, self._seed)
        info = self._bench.encoder.info
        return Tuned(adapter, info, comparison, self._measure, len(scores[0].units), epochs)

    def _examples(self) -> Examples:
        vectors = []
        for done, query in enumerate(self._queries, start=1):
            vectors.append(self._bench.query_vector(query))
            self._progress("embedding the queries", done, len(self._queries))
        judgments = self._data.require_judgments()
        return new_examples(self._queries, np.stack(vectors), self._bench.shelf.records, judgments)

    def _out_of_fold(self, examples: Examples) -> dict[str, QueryAdapter | None]:
        """For each unit the adapter of the fold that it was held out of."""
        found: dict[str, QueryAdapter | None] = {}
        for number, held_out in enumerate(folds(examples.units, FOLDS, self._seed)):
            adapter, _ = self._learned(examples.of(frozenset(examples.units) - held_out), self._seed + number)
            found |= dict.fromkeys(held_out, adapter)
            self._progress("learning", number + 1, FOLDS)
        return found

    def _learned(self, examples: Examples, seed: int) -> tuple[QueryAdapter, int]:
        """Find the number of epochs on a part of the examples, and train on all of them."""
        unseen = folds(examples.units, INNER, seed)[0]
        kept = frozenset(examples.units) - unseen
        epochs = fit(examples.of(kept), examples.of(unseen), rank=self._rank, seed=seed)
        return train(examples, epochs, rank=self._rank, seed=seed), epochs

    def _run(self, name: str, adapters: dict[str, QueryAdapter | None]) -> Run:
        """Search every query with the adapter of its unit."""
        outcomes = []
        for done, query in enumerate(self._queries, start=1):
            outcomes.append(_answered(self._bench, query, adapters.get(query.unit)))
            self._progress(f"searching: {name}", done, len(self._queries))
        return final_run(name, outcomes)


def _answered(bench: Bench, query: LabQuery, adapter: QueryAdapter | None) -> QueryOutcome:
    bench.encoder.adapter = adapter
    try:
        return bench.measure(query)
    finally:
        bench.encoder.adapter = None
