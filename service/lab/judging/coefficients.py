"""Coefficients of agreement, with intervals over queries.

Both families are one minus the observed over the expected disagreement, on counts of how often two grades meet:

- Cohen's kappa between two judges (Cohen, "A Coefficient of Agreement for Nominal Scales", 1960), and with quadratic
  weights (Cohen, "Weighted Kappa", 1968), by the places of the grades on the scale. What is expected follows from how
  often each of the two gives each grade.
- Krippendorff's alpha among any number of judges, none of whom need have graded everything (Krippendorff, "Computing
  Krippendorff's Alpha-Reliability", 2011), nominal and ordinal. What is expected follows from the grades of all.

The grades of a query depend on each other, so whole queries are resampled: the percentile bootstrap over clusters
(Davison and Hinkley, "Bootstrap Methods and their Application", 1997, section 3.8), the same by seed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
"""Counts [..., k, k] of k grades → coefficients [...]; NaN where everything has one grade, so that none is expected to
differ."""

RESAMPLES = 2000
_CHUNK_CELLS = 4_000_000
_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Coefficient:
    """A coefficient and its 95 % interval: 1 is perfect, 0 what chance would give. All are None where it is not
    defined, and the interval where there is but one query.
    """

    value: float | None
    low: float | None
    high: float | None


def kappa(counts: Floats, *, weighted: bool = False) -> Floats:
    """Cohen's kappa of counts [..., k, k]: rows are the grades of one judge, columns those of the other."""
    places = np.arange(counts.shape[-1], dtype=np.float64)
    distance = (places[:, None] - places) ** 2 if weighted else (places[:, None] != places).astype(np.float64)
    total = counts.sum(axis=(-2, -1))
    expected = counts.sum(axis=-1)[..., :, None] * counts.sum(axis=-2)[..., None, :]
    return _one_minus((distance * counts).sum(axis=(-2, -1)) * total, (distance * expected).sum(axis=(-2, -1)))


def alpha(coincidences: Floats, *, ordinal: bool = False) -> Floats:
    """Krippendorff's alpha of a matrix of `coincidences`, or of sums of such [..., k, k]."""
    sizes = coincidences.sum(axis=-1)
    middle = np.cumsum(sizes, axis=-1) - sizes / 2  # a grade's mid-rank: their differences are the ordinal distance
    apart = middle[..., :, None] - middle[..., None, :]
    distance = apart**2 if ordinal else (1 - np.eye(sizes.shape[-1]))
    expected = sizes[..., :, None] * sizes[..., None, :]
    observed = (distance * coincidences).sum(axis=(-2, -1)) * (sizes.sum(axis=-1) - 1)
    return _one_minus(observed, (distance * expected).sum(axis=(-2, -1)))


def coincidences(numbers: Floats) -> Floats:
    """How often two grades meet in one unit, each unit counting as often as it is graded [k, k]. `numbers` [n, k]: how
    many judges gave each grade to each unit; units with fewer than two are left out.
    """
    pairable = numbers[numbers.sum(axis=1) >= 2]
    shares = pairable / np.maximum(pairable.sum(axis=1, keepdims=True) - 1, 1)
    return np.asarray(shares.T @ pairable - np.diag(shares.sum(axis=0)), dtype=np.float64)


def estimate(by_query: Floats, statistic: Statistic, *, seed: int, resamples: int = RESAMPLES) -> Coefficient:
    """A coefficient of counts by query [queries, k, k], and its interval."""
    value = float(statistic(by_query.sum(axis=0)))
    if np.isnan(value):
        return Coefficient(None, None, None)
    if len(by_query) < 2:
        return Coefficient(value, None, None)
    found = statistic(_resampled(by_query, resamples, seed))
    found = found[~np.isnan(found)]
    if not len(found):
        return Coefficient(value, None, None)
    tail = (1 - _CONFIDENCE) / 2
    low, high = np.quantile(found, (tail, 1 - tail))
    return Coefficient(value, float(low), float(high))


def _resampled(by_query: Floats, resamples: int, seed: int) -> Floats:
    """Sums over as many queries as there are, drawn with replacement [resamples, k, k]."""
    random, n = np.random.default_rng(seed), len(by_query)
    flat, sums = by_query.reshape(n, -1), []
    step = max(1, _CHUNK_CELLS // n)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = random.integers(0, n, size=(rows, n)) + np.arange(rows)[:, None] * n
        times = np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n)
        sums.append(times @ flat)
    return np.concatenate(sums).reshape(resamples, *by_query.shape[1:])


def _one_minus(observed: Floats, expected: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(expected > 0, 1 - observed / expected, np.nan), dtype=np.float64)
