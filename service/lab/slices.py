"""Results by slice: the queries with one tag, measured and compared with the first configuration on the same ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from service.lab.measures import Scores
from service.lab.significance import mean_interval
from service.lab.small_samples import Floats

RESAMPLES = 2000
"""Of a slice's intervals: there may be hundreds of them."""


@dataclass(frozen=True)
class Estimate:
    """A mean and the 95 % interval around it."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Slice:
    """The queries with one value of a tag. `differences` are to the first configuration, which has none."""

    size: int
    estimates: Mapping[str, Estimate]
    differences: Mapping[str, Estimate]


Slices = Mapping[str, Mapping[str, Slice]]
"""Kind of tag → its value → the slice."""


def slices(scores: Scores, baseline: Scores | None, measures: Sequence[str], *, seed: int) -> Slices:
    """Every slice of a run; `baseline` was measured on the same queries, None for the first configuration itself."""
    place = {unit: number for number, unit in enumerate(scores.units)}
    values = {measure: scores.array(measure) for measure in measures}
    shifts = {} if baseline is None else {measure: values[measure] - baseline.array(measure) for measure in measures}

    def of(units: Sequence[str]) -> Slice:
        rows = np.array([place[unit] for unit in units])
        return Slice(
            len(units),
            {measure: _estimate(array[rows], (0.0, 1.0), seed) for measure, array in values.items()},
            {measure: _estimate(array[rows], (-1.0, 1.0), seed) for measure, array in shifts.items()},
        )

    return {kind: {tag: of(units) for tag, units in scores.slices(kind).items()} for kind in scores.kinds()}


def _estimate(values: Floats, bounds: tuple[float, float], seed: int) -> Estimate:
    low, high = mean_interval(values, bounds=bounds, resamples=RESAMPLES, seed=seed)
    return Estimate(float(values.mean()), low, high)
