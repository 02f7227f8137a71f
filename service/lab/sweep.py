"""Find the best of many configurations, with proof: chosen on one half of the queries, tested once on the other.

Successive halving (Jamieson & Talwalkar, AISTATS 2016): all configurations are measured on a small part of the
development half, the better half of them on twice as many queries, and so on. Without it, all are on all of them.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace

from service.lab.comparison import Comparison
from service.lab.configuration import Configuration
from service.lab.experiment import Experiment
from service.lab.folds import folds
from service.lab.judged import DataSet
from service.lab.lab_errors import LabError
from service.lab.models import Models
from service.lab.query_choice import enough_judged, of_units, units
from service.lab.run_folder import RunFolder
from service.lab.runner import Progress, Results, run_experiment
from service.lab.summary import Summary, summarize

FIRST_QUERIES = 20
"""At least so many in the first round of halving."""


@dataclass(frozen=True)
class Swept:
    """`development`: what the last round measured, the configuration of the file first; `winner` is one of them."""

    development: Results
    summaries: tuple[Summary, ...]
    winner: str
    tried: int
    test: Results | None
    """Of the file's configuration and the winner, on the other half; None if nothing beat the former."""
    proof: tuple[Summary, ...]
    """Those of `test`; empty without it."""

    @property
    def comparison(self) -> Comparison | None:
        """The winner against the file's configuration on queries that did not choose it."""
        return None if self.test is None else self.proof[1].comparisons[self.test.measures[0]]

    @property
    def pareto(self) -> frozenset[str]:
        """Names of configurations that no other one beats in quality, time and cost at once."""
        measure = self.development.measures[0]
        points = {one.name: _goods(one, measure) for one in self.summaries}
        return frozenset(
            name
            for name, own in points.items()
            if not any(other != own and all(map(operator.ge, other, own)) for other in points.values())
        )


def sweep(
    experiment: Experiment,
    data: DataSet,
    folder: RunFolder,
    *,
    halving: bool = False,
    models: Models | None = None,
    progress: Progress,
) -> Swept:
    """Try every combination of the experiment's grid. Answers are kept in the folder, so that a stopped sweep goes on.

    Raises LabError for a file without a grid or too few judged queries, and as `run_experiment`.
    """
    if not experiment.grid:
        raise LabError("The experiment has no `sweep`: settings, each with a list of the values to try.")
    data = enough_judged(data)
    base = experiment.configurations[0]
    experiment = replace(experiment, queries=None, position_bias=None, composition=False)
    development, held_out = folds(list(units(data)), 2, experiment.seed)

    def run(part: Sequence[str], grid: Sequence[Configuration]) -> Results:
        tried = replace(experiment, configurations=(base, *grid))
        return run_experiment(tried, of_units(data, part), folder, models=models, progress=progress)

    ordered = [unit for unit in units(data) if unit in development]
    grid = list(experiment.grid)
    for size in _rounds(len(grid), len(ordered)) if halving else [len(ordered)]:
        results = run(ordered[:size], grid)
        summaries = summarize(results)
        means = {one.name: one.estimates[results.measures[0]].mean for one in summaries}
        grid = sorted(grid, key=lambda one: -means[one.name])[: math.ceil(len(grid) / 2)]
    winner = max(means, key=lambda name: means[name])
    if winner == base.name:
        return Swept(results, summaries, winner, len(experiment.grid), None, ())
    chosen = next(one for one in experiment.grid if one.name == winner)
    test = run(sorted(held_out), [chosen])
    return Swept(results, summaries, winner, len(experiment.grid), test, summarize(test))


def _rounds(configurations: int, queries: int) -> list[int]:
    """The number of queries of each round; the last one has all of them."""
    halvings = max(0, math.ceil(math.log2(configurations)) - 1)
    sizes = [queries // 2**left for left in range(halvings, -1, -1)]
    return [size for size in sizes if size >= min(FIRST_QUERIES, queries)]


def _goods(one: Summary, measure: str) -> tuple[float, float, float]:
    """Each the better the larger."""
    return one.estimates[measure].mean, -one.latency["total"].p50, -(one.cost or 0.0)
