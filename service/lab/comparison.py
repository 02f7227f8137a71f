"""Comparison of two runs: the difference, its significance, and which queries gain or lose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from service.lab.lab_errors import LabError
from service.lab.measures.names import less_is_better
from service.lab.measures.scores import Scores
from service.lab.significance import RESAMPLES, holm, mean_interval, randomization_p
from service.lab.small_samples import detectable_difference

SIGNIFICANT = 0.05
"""A corrected p below this is called significant."""
_TIE = 1e-9


@dataclass(frozen=True, slots=True)
class Comparison:
    """A run against the baseline, by one measure. Differences are run minus baseline."""

    measure: str
    baseline: str
    run: str
    baseline_mean: float
    run_mean: float
    low: float
    high: float
    """The 95 % interval of the difference."""
    p: float
    p_corrected: float
    """After Holm's correction over all comparisons made together."""
    detectable: float | None
    """The smallest difference that as many queries would show in four experiments of five; None where all differences
    are equal, such as that of a single query."""
    wins: tuple[str, ...]
    """Units on which the run is better, the largest difference first."""
    ties: tuple[str, ...]
    losses: tuple[str, ...]
    """Units on which the run is worse, the largest difference first."""

    @property
    def difference(self) -> float:
        """The difference of the totals."""
        return self.run_mean - self.baseline_mean

    @property
    def numbers(self) -> dict[str, object]:
        """Everything but the units, as plain values."""
        found = {name: value for name, value in asdict(self).items() if name not in ("wins", "ties", "losses")}
        return found | {"difference": self.difference}

    @property
    def is_significant(self) -> bool:
        """Whether the corrected p is small enough."""
        return self.p_corrected < SIGNIFICANT

    @property
    def is_better(self) -> bool:
        """Whether the run does better, whatever the chance of that."""
        return (self.difference < 0) if less_is_better(self.measure) else (self.difference > 0)


def compare(
    baseline: Scores, runs: Sequence[Scores], measures: Sequence[str], *, resamples: int = RESAMPLES, seed: int = 0
) -> list[Comparison]:
    """Every run against the baseline by every measure, run by run; all of them are one family for the correction.

    Raises LabError if the runs were not measured on the same queries by these measures.
    """
    for run in runs:
        if run.units != baseline.units:
            raise LabError(f"{run.run!r} and {baseline.run!r} were not measured on the same queries.")
        if missing := [name for name in measures if name not in run.values or name not in baseline.values]:
            raise LabError(f"{run.run!r} and {baseline.run!r} were not both measured by {missing[0]}.")
    found = [_one(baseline, run, name, resamples, seed) for run in runs for name in measures]
    corrected = holm([comparison.p for comparison in found])
    return [replace(one, p_corrected=p) for one, p in zip(found, corrected, strict=True)]


def _one(baseline: Scores, run: Scores, measure: str, resamples: int, seed: int) -> Comparison:
    differences, weights = run.array(measure) - baseline.array(measure), baseline.weights()
    low, high = mean_interval(differences, weights, bounds=(-1.0, 1.0), resamples=resamples, seed=seed)
    by_size = sorted(zip(baseline.units, map(float, differences), strict=True), key=lambda pair: -abs(pair[1]))
    sign = -1 if less_is_better(measure) else 1
    p = randomization_p(differences, weights, resamples=resamples, seed=seed)
    return Comparison(
        measure=measure,
        baseline=baseline.run,
        run=run.run,
        baseline_mean=baseline.mean(measure),
        run_mean=run.mean(measure),
        low=low,
        high=high,
        p=p,
        p_corrected=p,
        detectable=detectable_difference(differences * weights * len(weights)),
        wins=tuple(unit for unit, difference in by_size if sign * difference > _TIE),
        ties=tuple(unit for unit, difference in by_size if abs(difference) <= _TIE),
        losses=tuple(unit for unit, difference in by_size if sign * difference < -_TIE),
    )
