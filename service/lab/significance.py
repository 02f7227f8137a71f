"""Is a difference between two runs more than chance? Tests over the paired values of the same queries, by scipy.

- Paired randomization test (Fisher 1935; for retrieval: Smucker, Allan & Carterette, CIKM 2007, who prefer it to the
  Wilcoxon and sign tests): under the null hypothesis each query's two values may be exchanged, so the signs of the
  differences are flipped at random. Counted as (b + 1) / (m + 1), which is never 0 (Phipson & Smyth 2010).
- Interval of a mean over queries: the percentile bootstrap (Efron 1979); `service.lab.small_samples` for few queries.
- Holm's step-down correction for several comparisons (Holm 1979).

All are deterministic for a given seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.lab.small_samples import SMALL, Bounds, bounded_interval

Floats = NDArray[np.float64]

RESAMPLES = 10_000
_CHUNK_CELLS = 4_000_000  # cells of a block of resamples: 32 MB
_DIGITS = 12  # of a sum, relative to its terms: sums of the same numbers in another order must count as equal


def randomization_p(
    differences: Floats, weights: Floats | None = None, *, resamples: int = RESAMPLES, seed: int = 0
) -> float:
    """Two-sided p of the weighted mean of paired differences, in (0, 1].

    Exact over all 2^n sign patterns where these are no more than `resamples`; queries without a difference do not
    count, since flipping them changes nothing. `weights` need not sum to 1; None: all alike.
    """
    from scipy import stats  # noqa: PLC0415 (takes a second to import, and every command would wait for it)

    terms = differences * shares(differences, weights)
    terms = terms[terms != 0]
    if len(terms) < 2:
        return 1.0
    terms = terms / np.abs(terms).sum()
    if len(terms) < 63 and 2 ** len(terms) <= resamples:
        found = stats.permutation_test(
            (terms,), _total, permutation_type="samples", vectorized=True, n_resamples=resamples
        )
        return float(found.pvalue)
    random, batch = np.random.default_rng(seed), _rows(len(terms))

    def flipped(size: tuple[int, ...]) -> Floats:
        signs = random.integers(0, 2, size=size, dtype=np.int8) * 2 - 1
        return np.asarray(signs * terms, dtype=np.float64)

    return float(
        stats.monte_carlo_test(terms, flipped, _total, vectorized=True, n_resamples=resamples, batch=batch).pvalue
    )


def mean_interval(
    values: Floats,
    weights: Floats | None = None,
    *,
    bounds: Bounds,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[float, float]:
    """The interval of the weighted mean of values within bounds: the bootstrap's, which is too narrow for few queries,
    and one that holds for any number where there are fewer than `SMALL`. Everything within the bounds for none.
    """
    if len(values) < SMALL:
        return bounded_interval(values, shares(values, weights), bounds, confidence=confidence, seed=seed)
    return bootstrap_interval(values, weights, confidence=confidence, resamples=resamples, seed=seed)


def bootstrap_interval(
    values: Floats,
    weights: Floats | None = None,
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[float, float]:
    """The percentile interval of the weighted mean of two values or more."""
    from scipy import stats  # noqa: PLC0415 (see above)

    found = stats.bootstrap(
        (values, shares(values, weights)),
        _weighted_mean,
        paired=True,
        vectorized=True,
        method="percentile",
        confidence_level=confidence,
        n_resamples=resamples,
        batch=_rows(len(values)),
        rng=np.random.default_rng(seed),
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values in the given order: the k-th smallest of m times m - k + 1, never decreasing, at most 1."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted, least = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        least = max(least, min(1.0, p_values[place] * (len(p_values) - rank)))
        adjusted[place] = least
    return adjusted


def shares(values: Floats, weights: Floats | None) -> Floats:
    """The weights, summing to 1. Raises ValueError for a weight that is not above 0."""
    if weights is None:
        return np.full(len(values), 1 / max(1, len(values)))
    if weights.shape != values.shape or not (weights > 0).all():
        raise ValueError("each value needs a weight above 0")
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def _total(terms: Floats, axis: int) -> Floats:
    return np.asarray(np.round(terms.sum(axis=axis), _DIGITS), dtype=np.float64)


def _weighted_mean(values: Floats, weights: Floats, axis: int) -> Any:
    return (values * weights).sum(axis=axis) / weights.sum(axis=axis)


def _rows(width: int) -> int:
    """How many resamples of so many values are drawn at once."""
    return max(1, _CHUNK_CELLS // width)
