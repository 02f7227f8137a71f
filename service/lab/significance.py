"""Is a difference between two runs more than chance? Tests over the paired values of the same queries.

- Paired randomization test (Fisher 1935; for retrieval: Smucker, Allan & Carterette, CIKM 2007, who prefer it to the
  Wilcoxon and sign tests): under the null hypothesis each query's two values may be exchanged, so the signs of the
  differences are flipped at random. Counted as (b + 1) / (m + 1), which is never 0 (Phipson & Smyth 2010).
- Percentile bootstrap interval of the mean difference (Efron 1979), over queries.
- Holm's step-down correction for several comparisons (Holm 1979).

All are deterministic for a given seed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RESAMPLES = 10_000
_CHUNK_CELLS = 4_000_000  # cells of a block of resamples: 32 MB
_TOLERANCE = 1e-9  # relative: sums of the same numbers in another order must count as equal


def randomization_p(
    differences: Floats, weights: Floats | None = None, *, resamples: int = RESAMPLES, seed: int = 0
) -> float:
    """Two-sided p of the weighted mean of paired differences, in (0, 1].

    Exact over all 2^n sign patterns where these are no more than `resamples`; queries without a difference do not
    count, since flipping them changes nothing. `weights` need not sum to 1; None: all alike.
    """
    if not len(differences):
        return 1.0
    terms = differences * _shares(differences, weights)
    terms = terms[terms != 0]
    if not len(terms):
        return 1.0
    observed = abs(float(terms.sum()))
    bound = observed - _TOLERANCE * float(np.abs(terms).sum())
    if len(terms) < 63 and 2 ** len(terms) <= resamples:
        return float((np.abs(_all_sums(terms)) >= bound).mean())
    random = np.random.default_rng(seed)

    def as_extreme(rows: int) -> Floats:
        signs = random.integers(0, 2, size=(rows, len(terms)), dtype=np.int8) * 2 - 1
        return np.asarray(np.abs(signs @ terms), dtype=np.float64)

    extreme = int((_in_chunks(as_extreme, resamples, len(terms)) >= bound).sum())
    return (extreme + 1) / (resamples + 1)


def bootstrap_interval(
    differences: Floats,
    weights: Floats | None = None,
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[float, float]:
    """The percentile interval of the weighted mean difference. (0, 0) for no queries."""
    n = len(differences)
    if not n:
        return 0.0, 0.0
    shares = _shares(differences, weights)
    random = np.random.default_rng(seed)

    def means(rows: int) -> Floats:
        drawn = random.integers(0, n, size=(rows, n))
        weight = shares[drawn]
        return np.asarray((differences[drawn] * weight).sum(axis=1) / weight.sum(axis=1), dtype=np.float64)

    tail = (1 - confidence) / 2
    low, high = np.quantile(_in_chunks(means, resamples, n), [tail, 1 - tail])
    return float(low), float(high)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values in the given order: the k-th smallest of m times m - k + 1, never decreasing, at most 1."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted, least = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        least = max(least, min(1.0, p_values[place] * (len(p_values) - rank)))
        adjusted[place] = least
    return adjusted


def _shares(differences: Floats, weights: Floats | None) -> Floats:
    if weights is None:
        return np.full(len(differences), 1 / max(1, len(differences)))
    if weights.shape != differences.shape or not (weights > 0).all():
        raise ValueError("each difference needs a weight above 0")
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def _all_sums(terms: Floats) -> Floats:
    """The sum of the terms under every pattern of signs, float64 [2^n]."""
    sums = np.zeros(1)
    for term in terms:
        sums = np.concatenate([sums + term, sums - term])
    return sums


def _in_chunks(draw: Callable[[int], Floats], resamples: int, width: int) -> Floats:
    """`draw` so often that there are `resamples` values, in blocks that fit memory."""
    rows = max(1, _CHUNK_CELLS // max(1, width))
    return np.concatenate([draw(min(rows, resamples - done)) for done in range(0, resamples, rows)])
