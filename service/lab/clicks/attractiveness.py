"""How attractive each product is for each query, with what is known of it: the result of every click model.

Attractiveness is the probability of a click on a product that a user looks at. Its posterior is computed on a grid:
the likelihood of the clicks times a Beta distribution, which is fitted to all pairs by moments (empirical Bayes:
Morris, "Parametric Empirical Bayes Inference", JASA 1983). So a pair with few impressions stays near the others, and no
interval leaves 0 to 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.lab.clicks.cells import Cells, sums

Floats = NDArray[np.float64]

CONFIDENCE = 0.95
_POINTS = 400
_ROOTS = (np.arange(_POINTS) + 0.5) / _POINTS
GRID: Floats = _ROOTS**2
"""Denser near 0, where click rates are."""
_LOG_SPACING: Floats = np.log(_ROOTS)
_FIT_PAIRS, _FIT_ROUNDS = 2_000, 25
_LEAST, _MOST = 0.05, 1e4  # of the parameters of the Beta distribution
_CHUNK = 10_000  # cells of one block: 32 MB


@dataclass(frozen=True)
class Attractiveness:
    """Of every pair [P]: the posterior mean, its 95 % interval, and how many of its impressions were looked at."""

    value: Floats
    low: Floats
    high: Floats
    examined: Floats


def attractiveness(cells: Cells, examination: Floats, pairs: int) -> Attractiveness:
    """The posterior of each of so many pairs, where an impression of a cell is looked at with the given probability.

    `examination`: [cells], above 0 and at most 1.
    """
    a, b = _fitted(cells, examination, pairs)
    prior = _log_beta(a, b)
    found = np.empty((3, pairs))
    found[:] = _summary(prior[None])
    for block, likelihood in _likelihoods(cells, examination):
        found[:, block] = _summary(likelihood + prior)
    examined = sums(cells.pair, pairs, cells.shown * examination)
    return Attractiveness(found[0], found[1], found[2], examined)


def _likelihoods(cells: Cells, examination: Floats) -> Iterator[tuple[NDArray[np.int32], Floats]]:
    """Some pairs at a time, and the logarithm of their likelihood at each point of the grid, [pairs, points]."""
    firsts = np.flatnonzero(np.diff(cells.pair, prepend=-1))
    begin = 0
    while begin < len(firsts):
        end = max(begin + 1, int(np.searchsorted(firsts, firsts[begin] + _CHUNK)))
        rows = slice(firsts[begin], firsts[end] if end < len(firsts) else len(cells.pair))
        clicked, missed = cells.clicked[rows, None], (cells.shown - cells.clicked)[rows, None]
        each = clicked * np.log(GRID) + missed * np.log1p(-np.minimum(examination[rows, None] * GRID, 1 - 1e-12))
        yield cells.pair[firsts[begin:end]], np.add.reduceat(each, firsts[begin:end] - firsts[begin], axis=0)
        begin = end


def _fitted(cells: Cells, examination: Floats, pairs: int) -> tuple[float, float]:
    """The parameters of the Beta distribution of all pairs, by the moments of their posteriors."""
    every = max(1, pairs // _FIT_PAIRS)
    some = cells.pair % every == 0
    rows = [rows for _, rows in _likelihoods(cells.where(some), examination[some])]
    likelihood = np.concatenate([np.zeros((0, _POINTS)), *rows])
    a = b = 1.0
    for _ in range(_FIT_ROUNDS if len(likelihood) > 1 else 0):
        weights = _weights(likelihood + _log_beta(a, b))
        mean = float((weights @ GRID).mean())
        spread = float((weights @ GRID**2).mean()) - mean**2
        strength = mean * (1 - mean) / max(spread, 1e-9) - 1
        a, b = (float(np.clip(strength * share, _LEAST, _MOST)) for share in (mean, 1 - mean))
    return a, b


def _log_beta(a: float, b: float) -> Floats:
    """The logarithm of the probability of each point, up to a constant."""
    return (a - 1) * np.log(GRID) + (b - 1) * np.log1p(-GRID) + _LOG_SPACING


def _weights(log: Floats) -> Floats:
    weights = np.exp(log - log.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float64)


def _summary(log: Floats) -> Floats:
    """Mean, low and high, [3, pairs]."""
    weights = _weights(log)
    reached = np.cumsum(weights, axis=1)
    tail = (1 - CONFIDENCE) / 2
    low, high = ((reached < share).sum(axis=1) for share in (tail, 1 - tail))
    return np.stack([weights @ GRID, GRID[low], GRID[np.minimum(high, _POINTS - 1)]])
