"""Clicks over expected clicks: how often a product was clicked, against what is usual at the ranks where it was shown.

    COEC[d] = clicks[d] / Σ_r impressions[d, r] · click rate[r]

Zhang & Jones, "Comparing Click Logs and Editorial Labels for Training Query Rewriting", WWW 2007. 1 is as usual. It
needs no product to be shown at several ranks. In exchange, it takes what is usual at a rank for what users do there:
where the best products are at the top, they are held against each other. The interval is that of a Poisson rate whose
prior is a Gamma distribution of mean 1, fitted by moments.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from service.lab.clicks.attractiveness import CONFIDENCE, Attractiveness
from service.lab.clicks.cells import Cells, sums

Floats = NDArray[np.float64]


def fit(cells: Cells, pairs: int, ranks: int) -> Attractiveness:
    """The ratio of every pair, shrunk toward 1; `examined` has the expected clicks."""
    from scipy import special  # noqa: PLC0415 (takes a second to import, and every command would wait for it)

    rate = sums(cells.rank, ranks, cells.clicked) / np.maximum(sums(cells.rank, ranks, cells.shown), 1)
    expected = sums(cells.pair, pairs, cells.shown * rate[cells.rank])
    clicked = sums(cells.pair, pairs, cells.clicked)
    prior = _strength(clicked, expected)
    shape, scale = clicked + prior, expected + prior
    tail = (1 - CONFIDENCE) / 2
    low, high = (special.gammaincinv(shape, share) / scale for share in (tail, 1 - tail))
    return Attractiveness(shape / scale, low, high, expected)


def _strength(clicked: Floats, expected: Floats) -> float:
    """Of the prior, in expected clicks: the clicks of a pair vary by expected + expected² / strength."""
    excess = float(((clicked - expected) ** 2 - clicked).sum())
    return float(np.clip((expected**2).sum() / max(excess, 1e-9), 0.1, 100.0))
