"""Queries in parts, by seed."""

from __future__ import annotations

import random
from collections.abc import Sequence


def folds(units: Sequence[str], count: int, seed: int) -> list[frozenset[str]]:
    """The units in so many parts of nearly the same size, drawn by seed. Variations of a topic are one unit."""
    shuffled = list(dict.fromkeys(units))
    random.Random(seed).shuffle(shuffled)
    return [frozenset(shuffled[number::count]) for number in range(count)]
