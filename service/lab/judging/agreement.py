"""How far judges agree, in numbers and in words.

Grades that were given with another judge's in view are no evidence of agreement, and do not count here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from service.lab.judging.coefficients import Coefficient, alpha, coincidences, estimate, kappa
from service.lab.judging.judges import Judge
from service.lab.judging.notes import Ids
from service.lab.judging.scale import Point
from service.lab.small_samples import SMALL

Floats = NDArray[np.float64]

TENTATIVE = 0.667
"""Krippendorff ("Content Analysis", 2nd edition, 2004, p. 241): conclusions from data with a smaller alpha are not even
tentative; from 0.8 on they can be relied on."""
SLIGHT = 0.2
"""Landis and Koch ("The Measurement of Observer Agreement for Categorical Data", 1977): up to here, it is slight."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two judges. `confusion`: how often the first gave the grade of the row, and the second that of the column."""

    first: Judge
    second: Judge
    pairs: int
    queries: int
    same: float | None
    """The share of the pairs with equal grades; None without pairs."""
    kappa: Coefficient
    weighted_kappa: Coefficient
    """Quadratic."""
    alpha: Coefficient
    """Ordinal."""
    confusion: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Overall:
    """All judges together. `pairs`: those that at least two of them graded."""

    pairs: int
    queries: int
    nominal: Coefficient
    ordinal: Coefficient


def between(first: Judge, second: Judge, scale: Sequence[Point], *, seed: int) -> Agreement:
    """How far two judges agree on what both graded independently."""
    by_query = _given([first, second], scale)
    tables = _stacked([_table(given, len(scale)) for given in by_query], scale)
    met = _stacked([coincidences(_numbers(given, len(scale))) for given in by_query], scale)
    total = tables.sum(axis=0)
    pairs = int(total.sum())
    return Agreement(
        first,
        second,
        pairs,
        len(by_query),
        float(np.trace(total)) / pairs if pairs else None,
        estimate(tables, kappa, seed=seed),
        estimate(tables, partial(kappa, weighted=True), seed=seed),
        estimate(met, partial(alpha, ordinal=True), seed=seed),
        tuple(tuple(int(count) for count in row) for row in total),
    )


def between_all(judges: Sequence[Judge], scale: Sequence[Point], *, seed: int) -> list[Agreement]:
    """Every two of them."""
    return [between(first, second, scale, seed=seed) for first, second in combinations(judges, 2)]


def overall(judges: Sequence[Judge], scale: Sequence[Point], *, seed: int) -> Overall:
    """How far any number of judges agree; none of them need have graded everything."""
    by_query = _given(judges, scale)
    met = _stacked([coincidences(_numbers(given, len(scale))) for given in by_query], scale)
    return Overall(
        sum(map(len, by_query)),
        len(by_query),
        estimate(met, alpha, seed=seed),
        estimate(met, partial(alpha, ordinal=True), seed=seed),
    )


def in_words(found: Agreement) -> list[str]:
    """What the numbers of two judges mean, and for a model whether its grades can stand alone."""
    first, second, value = found.first, found.second, found.alpha
    who = f"{first.name} and {second.name}"
    if not found.pairs:
        return [f"{who} have graded no pair independently of each other, so nothing is known of their agreement."]
    if value.value is None:
        return [f"{who} gave one grade to everything, so agreement beyond chance cannot be told."]
    said = []
    if value.value < -SLIGHT:
        told = f"{who} agree less than by chance (alpha {value.value:.2f}; 0 is chance)"
        said.append(f"{told}: one of them may read the scale upside down.")
    elif value.value <= SLIGHT:
        said.append(f"{who} hardly agree more than by chance (alpha {value.value:.2f}; 0 is chance).")
    elif value.low is None or value.low <= 0:
        few = f"{found.pairs} pairs of {found.queries} queries"
        said.append(f"{who} may agree by chance alone (alpha {value.value:.2f}): {few} are too few to tell.")
    if (first.model is None) == (second.model is None):
        return said
    model, person = (first.name, second.name) if first.model is not None else (second.name, first.name)
    if value.value < TENTATIVE:
        said.append(
            f"The grades of {model}, a model, are too far from those of {person} to stand alone (alpha "
            f"{value.value:.2f}; {TENTATIVE} is the least to draw even tentative conclusions from). Let people correct "
            f"them: `withthis judge --suggestions {model}`."
        )
    elif value.low is None or value.low < TENTATIVE:
        said.append(f"More pairs must show whether the grades of {model}, a model, can stand alone.")
    return said


def cautions(judges: Sequence[Judge], found: Overall) -> list[str]:
    """What weakens all of the numbers."""
    said = []
    if found.queries and found.queries < SMALL:
        said.append(f"Only {found.queries} queries: the intervals, a bootstrap over queries, are too narrow.")
    for judge in judges:
        if shown := len(judge.grades) - len(judge.independent):
            said.append(f"{shown} grades of {judge.name} were given with another judge's in view, and do not count.")
    if all(judge.model is not None for judge in judges):
        said.append("No person has judged, so nothing says whether the grades of models can be trusted.")
    return said


def _given(judges: Sequence[Judge], scale: Sequence[Point]) -> list[list[list[int]]]:
    """Query by query, the places on the scale of the grades of each pair that at least two of the judges graded
    independently, in their order.
    """
    places = {point.grade: place for place, point in enumerate(scale)}
    pairs: dict[Ids, list[int]] = {}
    for judge in judges:
        for ids, grade in judge.independent.items():
            pairs.setdefault(ids, []).append(places[grade])
    queries: dict[str, list[list[int]]] = {}
    for (query, _), given in pairs.items():
        if len(given) > 1:
            queries.setdefault(query, []).append(given)
    return list(queries.values())


def _table(given: Sequence[Sequence[int]], k: int) -> Floats:
    """How often the first judge gave the grade of the row and the second that of the column [k, k]."""
    table = np.zeros((k, k))
    for row, column in given:
        table[row, column] += 1
    return table


def _numbers(given: Sequence[Sequence[int]], k: int) -> Floats:
    """How many judges gave each grade to each pair [pairs, k]."""
    return np.array([np.bincount(each, minlength=k) for each in given], dtype=np.float64)


def _stacked(matrices: Sequence[Floats], scale: Sequence[Point]) -> Floats:
    """[queries, k, k], also where there are none."""
    return np.array(matrices, dtype=np.float64).reshape(-1, len(scale), len(scale))
