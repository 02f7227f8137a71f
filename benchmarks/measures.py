"""Measures of ranked lists that several benchmarks share."""

import math
from collections.abc import Sequence

DEPTH = 9


def ndcg(grades: Sequence[int], everything: Sequence[int]) -> float:
    """nDCG@9 of a list's grades against the best list that the grades of the whole catalog allow.

    Gain 2^grade - 1 (Burges et al., "Learning to Rank using Gradient Descent", ICML 2005). 0 if nothing is right.
    """
    best = _gain(sorted(everything, reverse=True))
    return _gain(grades) / best if best else 0.0


def _gain(grades: Sequence[int]) -> float:
    return sum((2.0**grade - 1) / math.log2(place + 2) for place, grade in enumerate(grades[:DEPTH]))
