"""The numbers of a facet: least, greatest and mean, and how many lie in each range.

A range says its bounds as a filter does (`gte`, `lt`, `lte`), so that it can be one: the same products pass.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from service.product import Scalar
from service.search.retrieval_types import FacetRange, FacetStats
from service.wire.limits import MAX_RANGES

Ranges = int | tuple[float, ...] | None
"""How many equal ranges between the least and the greatest number, or the bounds between ranges, ascending."""

NOT_ASCENDING = f"ranges are 1 to {MAX_RANGES} numbers in ascending order, each once, or how many equal ranges to make."


def check_ranges(ranges: Ranges) -> str | None:
    """What is wrong with ranges, as a sentence; None if nothing is."""
    if ranges is None:
        return None
    if isinstance(ranges, int):
        return None if 1 <= ranges <= MAX_RANGES else NOT_ASCENDING
    ascending = all(low < high for low, high in pairwise(ranges))
    return None if 1 <= len(ranges) <= MAX_RANGES and ascending else NOT_ASCENDING


def statistics(numbers: Sequence[Scalar]) -> FacetStats | None:
    """Of float64 numbers; None if there are none."""
    if not numbers:
        return None
    values = _floats(numbers)
    return FacetStats(len(numbers), float(values.min()), float(values.max()), _mean(values))


def _mean(values: npt.NDArray[np.float64]) -> float:
    """The mean, between the least and the greatest number and the same in any order. The sum of large numbers would
    overflow, so that they are divided by a power of two, which rounds none.
    """
    _, exponent = math.frexp(float(np.abs(values).max()))
    scale = 2.0 ** max(0, exponent - 1)
    mean = math.fsum((values / scale).tolist()) / len(values) * scale
    return min(max(mean, float(values.min())), float(values.max()))


def count_ranges(numbers: Sequence[Scalar], ranges: Ranges) -> tuple[FacetRange, ...]:
    """The ranges in ascending order, empty ones too; equal ones need numbers to lie between."""
    if ranges is None or (isinstance(ranges, int) and not numbers):
        return ()
    values = _floats(numbers)
    if isinstance(ranges, int):
        return _equal(values, ranges)
    counts = np.bincount(np.searchsorted(ranges, values, side="right"), minlength=len(ranges) + 1)
    low, high = (None, *ranges), (*ranges, None)
    return tuple(FacetRange(int(count), gte=a, lt=b) for count, a, b in zip(counts, low, high, strict=True))


def _equal(values: npt.NDArray[np.float64], wanted: int) -> tuple[FacetRange, ...]:
    """Ranges of the same width; the last one includes the greatest number. Fewer where floats have no room for all."""
    edges = np.unique(np.linspace(values.min(), values.max(), wanted + 1)).tolist()
    if len(edges) == 1:
        return (FacetRange(len(values), gte=edges[0], lte=edges[0]),)
    counts = np.bincount(np.searchsorted(edges[1:-1], values, side="right"), minlength=len(edges) - 1)
    last = len(counts) - 1
    return tuple(
        FacetRange(int(count), gte=low, lt=None if place == last else high, lte=high if place == last else None)
        for place, (count, (low, high)) in enumerate(zip(counts, pairwise(edges), strict=True))
    )


def _floats(numbers: Sequence[Scalar]) -> npt.NDArray[np.float64]:
    return np.array(numbers, np.float64)
