"""Runs an experiment: every query through every configuration, each answer on disk before the next is requested.

A run that is killed at any moment resumes where it was. Queries go in the data set's order and one at a time, so that
times are those of a service without load.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Protocol

from service.errors import ConfigurationError
from service.lab.arrangements import Answers
from service.lab.bench import Benches
from service.lab.composition import Composition, measure_composition, tagged
from service.lab.configuration import Configuration
from service.lab.digests import digest
from service.lab.experiment import MAX_K, Experiment
from service.lab.gallery import Gallery, image_key
from service.lab.image_check import usable
from service.lab.judged import DataSet, LabQuery, Run
from service.lab.lab_errors import ExperimentError, LabError
from service.lab.measurement import Bench
from service.lab.measures import cutoffs, evaluate
from service.lab.models import Models
from service.lab.outcomes import QueryOutcome, final_run
from service.lab.query_choice import draw, judged_only
from service.lab.run_folder import Outcomes, RunFolder

_VARIABLE = re.compile(r"\bWITHTHIS_([A-Z0-9_]+)")


class Progress(Protocol):
    """Told how far a piece of work is; a command line draws its bars from this."""

    def __call__(self, work: str, done: int, total: int) -> None:
        """`work` names the piece; the same name comes again until `done` is `total`."""
        ...


@dataclass(frozen=True)
class Answered:
    """A configuration and what it answered, in the data set's order. `key` names its file of outcomes."""

    configuration: Configuration
    key: str
    encoder: str
    """Fingerprint of the encoder."""
    k: int
    outcomes: tuple[QueryOutcome, ...]
    rearranged: Mapping[str, Answers] = field(default_factory=dict)
    """Query id → answers to the same candidates in several orders; empty unless position bias is measured."""


@dataclass(frozen=True)
class Results:
    """What an experiment found: the queries that were drawn, and every configuration's answers to them."""

    experiment: Experiment
    data: DataSet
    answered: tuple[Answered, ...]
    fresh: int
    """Outcomes that were measured now; the others were known."""
    unjudged: tuple[str, ...] = ()
    """Queries of the data set that nobody has judged: they were neither drawn nor asked."""
    left_out: tuple[str, ...] = ()
    """Documents and queries with an image that cannot be used, and why."""
    composition: Composition | None = None
    """What composition adds; None without composed queries, or if it was not wanted."""

    @property
    def measures(self) -> tuple[str, ...]:
        """What everything was measured by."""
        return measures_of(self.experiment, self.data)


def run_experiment(
    experiment: Experiment, data: DataSet, folder: RunFolder, *, models: Models | None = None, progress: Progress
) -> Results:
    """Measure every configuration on the data set, as far as it is not known from an earlier run in this folder.

    Raises:
        DataSetError: images that cannot be used, all of them, unless they are to be left out.
        ExperimentError: something that a configuration names cannot be loaded, or a measure does not fit; before
            anything is embedded or asked.
        LabError: a damaged file in the folder, queries that ask for nothing, or a depth that the measures need and a
            configuration does not give.
    """
    _check(experiment, data)
    data, unjudged = judged_only(data)
    data = draw(data, experiment.queries, experiment.seed)
    data, left_out = _usable(experiment, data, folder, progress)
    models = models or Models(folder.cache)
    try:
        gallery = Gallery.of(data, lambda done: progress("reading the images", done, len(data.documents)))
        benches = Benches(gallery, models)
        try:
            results = _Run(experiment, data, folder, benches, progress).results()
            results = _with_composition(results, folder, benches, progress)
            return replace(results, unjudged=unjudged, left_out=left_out)
        finally:
            benches.close()
    finally:
        models.close()


def _with_composition(results: Results, folder: RunFolder, benches: Benches, progress: Progress) -> Results:
    """The results with what composition adds to the first configuration's retrieval, if that is wanted."""
    experiment = results.experiment

    def ask(configuration: Configuration, data: DataSet) -> Run:
        alone = replace(experiment, configurations=(configuration,), position_bias=None)
        (answered,) = _Run(alone, data, folder, benches, progress).results().answered
        return final_run(configuration.name, answered.outcomes)

    if not experiment.composition:
        return results
    found = measure_composition(results.data, experiment.configurations[0], results.measures, ask)
    return results if found is None else replace(results, data=tagged(results.data, found), composition=found)


def _usable(
    experiment: Experiment, data: DataSet, folder: RunFolder, progress: Progress
) -> tuple[DataSet, tuple[str, ...]]:
    """The data set with images that can be used, and what was left out. Raises DataSetError."""
    leave_out = experiment.data.unreadable == "leave_out"
    with closing(folder.image_check()) as check:
        return usable(data, check, leave_out=leave_out, step=partial(progress, "checking the images"))


def _check(experiment: Experiment, data: DataSet) -> None:
    """What would make all the work worthless. Raises LabError."""
    if any(query.text is None and query.image is None for query in data.queries.values()):
        raise LabError(f"The queries of {data.name} have neither text nor image, so there is nothing to search for.")
    depth = measured_depth(experiment, data)
    if depth > MAX_K:
        problem = f"the measures need {depth} results, and a search gives at most {MAX_K}"
        raise experiment.fault(("measures",), problem)
    for one in experiment.configurations:
        if one.k is not None and one.k < depth:
            raise one.fault(("k",), f"{one.name!r} gives {one.k} results, and the measures need {depth}")
    _check_depths(experiment, data)
    for number, measure in enumerate((data.judgments and experiment.measures) or ()):
        try:
            evaluate(data, Run("nothing", {}), [measure])
        except LabError as error:
            raise experiment.fault(("measures", number), error.detail.rstrip(".")) from error


def _check_depths(experiment: Experiment, data: DataSet) -> None:
    """A measure without a cut-off looks at all results, so it compares only what gives as many. Raises LabError."""
    names = measures_of(experiment, data) if data.judgments else ()
    deepest = next((name for name in names if "@" not in name), None)
    first, *others = experiment.configurations
    known = results_per_query(first, experiment, data)
    for one in others:
        if deepest is not None and (own := results_per_query(one, experiment, data)) != known:
            problem = (
                f"{one.name!r} gives {own} results and {first.name!r} {known}, and {deepest} looks at all of them. "
                f"Give both the same k, or list measures with a cut-off, such as {deepest}@10"
            )
            raise one.fault(("k",), problem)


def results_per_query(configuration: Configuration, experiment: Experiment, data: DataSet) -> int:
    """How many results a configuration gives. What is reranked must be seen: otherwise a product could come from
    nowhere.
    """
    setup = configuration.setup
    wanted = configuration.k or max(data.protocol.depth, measured_depth(experiment, data))
    return min(max(wanted, setup.candidates if setup.reranks else 1), setup.max_limit)


def measured_depth(experiment: Experiment, data: DataSet) -> int:
    """The largest cut-off of the measures; 0 where nothing is measured, or to the end of every ranking."""
    if data.judgments is None:
        return 0
    return max(cutoffs(measures_of(experiment, data)), default=0)


def measures_of(experiment: Experiment, data: DataSet) -> tuple[str, ...]:
    """Those of the experiment, or else of the data set; the first is the one that is shown everywhere."""
    return experiment.measures or data.protocol.measures


def query_digest(query: LabQuery) -> str:
    """Everything that a query asks, as one hash."""
    conditions = None if query.filter is None else query.filter.model_dump_json(exclude_none=True)
    groups = [repr(sorted(query.excluded)), repr(query.gallery), repr(query.subset), repr(query.wordings)]
    more = map(image_key, query.more_images)
    return digest(query.text, image_key(query.image), conditions, *groups, *more)


def in_words_of_the_file(configuration: Configuration, error: ConfigurationError) -> ExperimentError:
    """The error of the service at its place in the experiment's file, whose names of settings are in lower case."""
    named = _VARIABLE.findall(error.detail)
    place = next(((name.lower(),) for name in named if name.lower() in configuration.chosen), ())
    return configuration.fault(place, _VARIABLE.sub(lambda found: found[1].lower(), error.detail).rstrip("."))


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
        """All configurations, one at a time, when each of them can be measured."""
        for one in self._experiment.configurations:
            self._check(one)
        answered = tuple(self._answered(one) for one in self._experiment.configurations)
        return Results(self._experiment, self._data, answered, self._fresh)

    def _check(self, configuration: Configuration) -> None:
        """Load what it names, so far as something is left to be asked. Raises ExperimentError."""
        try:
            with closing(self._folder.outcomes(self._benches.key(configuration, self._k(configuration)))) as outcomes:
                if self._pending(outcomes):
                    self._benches.check(configuration)
        except ConfigurationError as error:
            raise in_words_of_the_file(configuration, error) from error

    def _k(self, configuration: Configuration) -> int:
        return results_per_query(configuration, self._experiment, self._data)

    def _answered(self, configuration: Configuration) -> Answered:
        k = self._k(configuration)
        key = self._benches.key(configuration, k)
        bench = cache(lambda: self._bench(configuration, k))
        with closing(self._folder.outcomes(key)) as outcomes:
            self._measure(configuration.name, bench, outcomes)
            known = (outcomes.get(id, self._digests[id]) for id in self._data.queries)
            found = tuple(outcome for outcome in known if outcome is not None)
        rearranged = self._rearranged(configuration, key, bench) if configuration.setup.reranks else {}
        return Answered(configuration, key, self._benches.fingerprint(configuration), k, found, rearranged)

    def _bench(self, configuration: Configuration, k: int) -> Bench:
        """Made only for a configuration that has something left to be asked."""
        work, total = f"embedding with {configuration.setup.encoder}", len(self._data.documents)
        return self._benches.bench(configuration, k, lambda rows: self._progress(work, rows, total))

    def _measure(self, name: str, bench: Callable[[], Bench], outcomes: Outcomes) -> None:
        """Ask what is not known yet."""
        queries, pending = self._data.queries, self._pending(outcomes)
        done = len(queries) - len(pending)
        self._progress(name, done, len(queries))
        for query in pending:
            outcomes.add(bench().measure(query), self._digests[query.id])
            self._fresh += 1
            done += 1
            self._progress(name, done, len(queries))

    def _pending(self, outcomes: Outcomes) -> list[LabQuery]:
        """The queries whose answers are not known."""
        return [query for id, query in self._data.queries.items() if outcomes.get(id, self._digests[id]) is None]

    def _rearranged(self, configuration: Configuration, key: str, bench: Callable[[], Bench]) -> dict[str, Answers]:
        """The answers to the same candidates in several orders, as far as the experiment wants them."""
        wanted, seed = self._experiment.position_bias, self._experiment.seed
        if wanted is None:
            return {}
        found: dict[str, Answers] = {}
        queries = draw(self._data, wanted.queries, seed).queries.values()
        work = f"{configuration.name}, {wanted.orders} orders"
        with closing(self._folder.arrangements(key)) as record:
            for done, query in enumerate(queries, start=1):
                asked = digest(self._digests[query.id], query.id, wanted.orders, seed)
                known = record.get(asked)
                if known is None:
                    known, complete = bench().rearranged(query, wanted.orders, seed)
                    if complete:
                        record.add(asked, known)
                found[query.id] = known
                self._progress(work, done, len(queries))
        return found
