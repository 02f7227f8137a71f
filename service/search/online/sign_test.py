"""Is one of two configurations preferred more often than chance would have it? Over units that one of them won.

- Two-sided exact sign test: the binomial test of p = 1/2, ties left out (Conover, Practical Nonparametric Statistics,
  3rd edition, 1999, section 3.4), as Radlinski, Kurup and Joachims use it for interleaving (CIKM 2008). For one look,
  at a time that was set before.
- Sequential test: a test martingale that may be looked at as often as one likes. It is the likelihood of the wins and
  losses under a Beta(1/2, 1/2) mixture of shares over that under a share of 1/2; if that is true, the chance that it
  ever reaches 1/alpha is at most alpha (Ville 1939; Robbins, "Statistical Methods Related to the Law of the Iterated
  Logarithm", Annals of Mathematical Statistics 41(5), 1970; Ramdas et al., "Game-Theoretic Statistics and Safe
  Anytime-Valid Inference", Statistical Science 38(4), 2023).
- Score interval of a share: Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA
  22(158), 1927. Unlike the bootstrap's it is not empty if all queries say the same.

scipy is imported where it is used: it takes a second, and every command would wait for it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

MOST_NEEDED = 10_000_000
_MIXTURE = 0.5  # Jeffreys' prior


def sign_test_p(wins: int, losses: int) -> float:
    """Two-sided p value, in (0, 1]; 1 without any wins and losses."""
    from scipy import stats  # noqa: PLC0415

    return float(stats.binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0


def sequential_p(winners: Sequence[bool]) -> float:
    """The p value that is valid at any number of looks, in (0, 1]. `winners`: by whom each unit was won, in the order
    in which they were decided.

    It is 1 over the largest value that the martingale has had, so it only falls as more units are decided.
    """
    from scipy import special  # noqa: PLC0415

    if not winners:
        return 1.0
    wins, units = np.cumsum(np.asarray(winners, dtype=bool)), np.arange(1, len(winners) + 1)
    mixture = special.betaln(_MIXTURE + wins, _MIXTURE + units - wins) - special.betaln(_MIXTURE, _MIXTURE)
    largest = float((mixture + units * math.log(2)).max())
    return min(1.0, math.exp(-largest))


def wilson_interval(wins: int, losses: int, confidence: float = 0.95) -> tuple[float, float]:
    """The interval of the share of wins; all of 0…1 without any."""
    from scipy import stats  # noqa: PLC0415

    if not wins + losses:
        return 0.0, 1.0
    found = stats.binomtest(wins, wins + losses).proportion_ci(confidence, method="wilson")
    return float(found.low), float(found.high)


def units_needed(share: float, *, power: float = 0.8, alpha: float = 0.05) -> int:
    """How many decided units the sign test needs, to find a true share of this size with a probability of `power`
    (Noether, "Sample Size Determination for Some Common Nonparametric Tests", JASA 82(398), 1987).

    Raises:
        ValueError: a share outside 0…1, or one that is 1/2 or so close to it that more than `MOST_NEEDED` were needed.
    """
    if not 0 < share < 1 or share == 0.5:
        raise ValueError("the share must be between 0 and 1, and not one half")
    z = _quantiles(power, alpha)
    needed = math.ceil(z * z / (4 * (share - 0.5) ** 2))
    if needed > MOST_NEEDED:
        raise ValueError("the share is too close to one half")
    return needed


def detectable_share(units: int, *, power: float = 0.8, alpha: float = 0.05) -> float | None:
    """The share above one half that the sign test finds with a probability of `power` in so many units, by the same
    formula; None where even a share of 1 would not be found.
    """
    share = 0.5 + _quantiles(power, alpha) / (2 * math.sqrt(units)) if units else 1.0
    return share if share < 1 else None


def _quantiles(power: float, alpha: float) -> float:
    """The quantiles of the normal distribution for both errors, added."""
    from scipy import stats  # noqa: PLC0415

    return float(stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(power))
