"""Is one of two configurations preferred more often than chance would have it? Over queries that one of them won.

- Two-sided exact sign test: the binomial test of p = 1/2, ties left out (Conover, Practical Nonparametric Statistics,
  3rd edition, 1999, section 3.4), as Radlinski, Kurup and Joachims use it for interleaving (CIKM 2008).
- Score interval of a share: Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA
  22(158), 1927. Unlike the bootstrap's it is not empty if all queries say the same.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np


def sign_test_p(wins: int, losses: int) -> float:
    """Two-sided p value, in (0, 1]; 1 without any wins and losses."""
    n, fewer = wins + losses, min(wins, losses)
    drawn = np.arange(1, fewer + 1)
    # log C(n, i) for i = 0…fewer, as sums of log((n - i + 1) / i): millions of queries take no time.
    logs = np.concatenate([[0.0], np.cumsum(np.log((n - drawn + 1) / drawn))]) - n * math.log(2)
    return min(1.0, 2 * float(np.exp(logs).sum()))


def wilson_interval(wins: int, losses: int, confidence: float = 0.95) -> tuple[float, float]:
    """The interval of the share of wins; all of 0…1 without any."""
    n = wins + losses
    if not n:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = wins / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)
