"""The first configuration of an experiment with learned settings laid over it, ready to be searched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from service.errors import ConfigurationError
from service.lab.bench import Benches
from service.lab.composition import without_reranking
from service.lab.configuration import Configuration
from service.lab.experiment import Experiment
from service.lab.judged import DataSet
from service.lab.measurement import Bench
from service.lab.runner import Progress, in_words_of_the_file, measured_depth
from service.search.query_adapter import QueryAdapter


class Laid:
    """Makes a bench for each different set of settings, once."""

    def __init__(self, experiment: Experiment, data: DataSet, benches: Benches, progress: Progress) -> None:
        """Raises ExperimentError for something that the configuration names and that cannot be loaded."""
        self._experiment = experiment
        self._data = data
        self._benches = benches
        self._progress = progress
        self._made: dict[str, Bench] = {}
        first = experiment.configurations[0]
        try:
            benches.check(first)
        except ConfigurationError as error:
            raise in_words_of_the_file(first, error) from error

    def bench(self, settings: Mapping[str, object], *, reranked: bool) -> Bench:
        """The configuration with these settings in place of its own. Raises as `Benches.bench`."""
        key = repr((sorted(settings.items()), reranked))
        if key not in self._made:
            self._made[key] = self._bench(settings, reranked)
        return self._made[key]

    def close(self) -> None:
        """Close what was made."""
        for bench in self._made.values():
            bench.pipeline.close()

    def _bench(self, settings: Mapping[str, object], reranked: bool) -> Bench:
        found = self._experiment.varied(settings) if settings else self._experiment.configurations[0]
        if not reranked:
            found = replace(without_reranking(found), name=f"{found.name}, retrieval")
        total = len(self._data.documents)
        return self._benches.bench(
            found, self._k(found), lambda done: self._progress("embedding the documents", done, total)
        )

    def _k(self, configuration: Configuration) -> int:
        """Results of a query: as many as are measured, and all that are reranked."""
        setup = configuration.setup
        wanted = configuration.k or max(measured_depth(self._experiment, self._data), 1)
        return min(max(wanted, setup.candidates if setup.reranks else 1), setup.max_limit)


@contextmanager
def adapted_by(bench: Bench, adapter: QueryAdapter | None) -> Iterator[None]:
    """Searches in this block go through an adapter."""
    bench.encoder.adapter = adapter
    try:
        yield
    finally:
        bench.encoder.adapter = None
