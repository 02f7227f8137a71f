"""Settings learned from judged queries, each tested by the whole search pipeline on queries that it has not seen.

An adapter of query embeddings is cross-validated: each query is searched with one that was learned without it. Weights
have few values, so that all folds would choose the same one, by nearly the same queries: they are chosen on one half of
the queries and tested on the other. Each is learned on top of those before it that are proven. p is corrected for their
number (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from typing import cast

import numpy as np

from service.lab.bench import Benches
from service.lab.comparison import compare
from service.lab.experiment import Experiment
from service.lab.folds import folds
from service.lab.gallery import Gallery
from service.lab.judged import DataSet, LabQuery, RankedList, Run
from service.lab.lab_errors import LabError
from service.lab.measurement import Bench
from service.lab.measures import Scores, evaluate
from service.lab.models import Models
from service.lab.outcomes import QueryOutcome, final_run
from service.lab.query_choice import enough_judged, of_units, units
from service.lab.run_folder import RunFolder
from service.lab.runner import Progress, measures_of
from service.lab.tuning.examples import Examples, new_examples
from service.lab.tuning.fit import RANK, fit, train
from service.lab.tuning.knobs import FieldWeights, FusionWeight, Knob, LexicalWeight
from service.lab.tuning.laid import Laid, adapted_by
from service.lab.tuning.proof import ADAPTER_SETTING, FOLDS, Part, Tuned
from service.search.query_adapter import QueryAdapter

INNER = 5
"""One in so many of the queries of a fold's training decides when to stop."""
_SAME = 1e-9

Adapters = Mapping[str, QueryAdapter]
"""By unit, the adapter that has not seen it."""


def tune(
    experiment: Experiment,
    data: DataSet,
    folder: RunFolder,
    *,
    rank: int = RANK,
    models: Models | None = None,
    progress: Progress,
) -> Tuned:
    """Learn settings for the experiment's first configuration, by its first measure.

    Raises:
        LabError: too few judged queries, or none of which something is relevant.
        ExperimentError, ConfigurationError: as `run_experiment`.
    """
    data = enough_judged(data)
    models = models or Models(folder.cache)
    with closing(models):
        gallery = Gallery.of(data, lambda done: progress("reading the images", done, len(data.documents)))
        with closing(Benches(gallery, models)) as benches, closing(Laid(experiment, data, benches, progress)) as laid:
            return _Tuning(experiment, data, laid, rank, progress).result()


class _Tuning:
    """One tuning of one configuration."""

    def __init__(self, experiment: Experiment, data: DataSet, laid: Laid, rank: int, progress: Progress) -> None:
        self._experiment = experiment
        self._seed = experiment.seed
        self._data = data
        self._queries = list(data.queries.values())
        self._laid = laid
        self._rank = rank
        self._progress = progress
        self._measure = measures_of(experiment, data)[0]
        self._answered: dict[tuple[str, str], QueryOutcome] = {}

    def result(self) -> Tuned:
        """The adapter first, and the weights on top of it if it is proven."""
        bench = self._laid.bench({}, reranked=False)
        examples = self._examples(bench)
        if not examples.units:
            raise LabError(f"{self._data.name} has no query of which a document is relevant.")
        knobs = self._knobs(bench)
        tests = 1 + len(knobs)
        adapters = self._out_of_fold(examples)
        before, after = (self._scores({}, each, self._data, reranked=False) for each in ({}, adapters))
        adapter, epochs = self._learned(examples, self._seed)
        parts = [self._part(ADAPTER_SETTING, adapter, before, after, tests)]
        if knobs:
            parts += self._weights(knobs, examples, adapters if parts[0].is_proven else {}, tests)
        return Tuned(tuple(parts), bench.encoder.info, self._measure, len(before.units), epochs)

    def _weights(self, knobs: list[Knob], examples: Examples, adapters: Adapters, tests: int) -> list[Part]:
        """One knob after the other, each with the values of those before it that are proven."""
        development, held_out = (
            of_units(self._data, sorted(half)) for half in folds(list(units(self._data)), 2, self._seed)
        )
        # Those that choose are searched with adapters that have seen none of the other half, either.
        own = self._out_of_fold(examples.of(frozenset(units(development)))) if adapters else {}
        values, parts = dict[str, object](), list[Part]()
        for done, knob in enumerate(knobs, start=1):
            value = self._chosen(knob, values, own, development)
            before, after = (
                self._scores(each, adapters, held_out, reranked=knob.reranked)
                for each in (values, {**values, knob.setting: value})
            )
            parts.append(self._part(knob.setting, value, before, after, tests))
            if parts[-1].is_proven:
                values[knob.setting] = value
            self._progress("choosing weights", done, len(knobs))
        return parts

    def _examples(self, bench: Bench) -> Examples:
        vectors = []
        for done, query in enumerate(self._queries, start=1):
            vectors.append(bench.query_vector(query))
            self._progress("embedding the queries", done, len(self._queries))
        return new_examples(self._queries, np.stack(vectors), bench.shelf.records, self._data.require_judgments())

    def _knobs(self, bench: Bench) -> list[Knob]:
        """What there is to choose in this configuration and for these queries."""
        setup, found = bench.configuration.setup, list[Knob]()
        if setup.hybrid.enabled and any(query.text for query in self._queries):
            fields = cast("list[str]", setup.values["lexical_fields"])
            weights = FieldWeights([record.product for record in bench.shelf.records], fields)
            found = [LexicalWeight(), weights] if len(weights.fields) > 1 else [LexicalWeight()]
        return [*found, FusionWeight()] if self._experiment.configurations[0].setup.reranks else found

    def _out_of_fold(self, examples: Examples) -> Adapters:
        """For each unit the adapter of the fold that it was held out of."""
        found: dict[str, QueryAdapter] = {}
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

    def _chosen(self, knob: Knob, values: Mapping[str, object], adapters: Adapters, data: DataSet) -> object:
        """The value that is best for these queries; the configured one unless another is better."""
        bench = self._laid.bench(_laid_over(values, adapters), reranked=knob.reranked)
        kept = {}
        for done, query in enumerate(data.queries.values(), start=1):
            with adapted_by(bench, adapters.get(query.unit)):
                kept[query.id] = knob.keep(bench, query)
            self._progress(f"choosing {knob.setting}", done, len(data.queries))

        def mean(value: object) -> float:
            run = Run(knob.setting, {id: RankedList(order(value)) for id, order in kept.items()})
            return evaluate(data, run, [self._measure]).mean(self._measure)

        best = bench.configuration.measured[knob.setting]
        highest = mean(best)
        for tried in knob.rounds:
            for value in tried(best):
                if (found := mean(value)) > highest + _SAME:
                    highest, best = found, value
        return best

    def _scores(self, values: Mapping[str, object], adapters: Adapters, data: DataSet, *, reranked: bool) -> Scores:
        """The measure of queries that are searched with these settings, each with an adapter that has not seen it."""
        settings = _laid_over(values, adapters)
        bench = self._laid.bench(settings, reranked=reranked)
        own, queries = repr((settings, bool(adapters), reranked)), data.queries.values()
        for done, query in enumerate(queries, start=1):
            if (own, query.id) not in self._answered:
                self._answered[own, query.id] = _asked(bench, query, adapters.get(query.unit))
            self._progress(f"searching: {', '.join(settings) or 'as it is'}", done, len(queries))
        run = final_run(own, (self._answered[own, query.id] for query in queries))
        return evaluate(data, run, [self._measure])

    def _part(self, setting: str, value: object, before: Scores, after: Scores, tests: int) -> Part:
        (found,) = compare(before, [after], [self._measure], seed=self._seed)
        found = replace(found, baseline="before", run=setting, p_corrected=min(1.0, found.p * tests))
        return Part(setting, value, len(self._queries), len(before.units), found)


def _laid_over(values: Mapping[str, object], adapters: Adapters) -> dict[str, object]:
    """An adapter that was configured has no place beside those that were learned."""
    return {**({ADAPTER_SETTING: None} if adapters else {}), **values}


def _asked(bench: Bench, query: LabQuery, adapter: QueryAdapter | None) -> QueryOutcome:
    with adapted_by(bench, adapter):
        return bench.measure(query)
