"""Position bias: how much does a reranker's answer change if the same candidates are shown in another order?

A reranker that looks at the candidates alone gives one answer, however they are arranged; listwise models do not
(Tang et al., NAACL 2024, who average it out by permutation self-consistency).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PositionBias:
    """Means over queries of means over pairs of answers. A reranker without bias has tau 1 and the others 0."""

    queries: int
    orders: float
    """How many answers a query has, on average."""
    tau: float
    """Kendall's tau between two answers, from -1 (reversed) to 1 (the same)."""
    first_changed: float
    """Share of the pairs of answers with another document at the first place."""
    displacement: float
    """By how many places a document moves between two answers."""


def position_bias(answers: Mapping[str, Sequence[Sequence[str]]]) -> PositionBias:
    """Compare answers to the same candidates. Query id → the answered orders, one for each arrangement.

    Queries with one answer or fewer than two candidates tell nothing and are left out.

    Raises:
        ValueError: the answers to a query are not orders of the same documents.
    """
    told = {id: orders for id, orders in answers.items() if len(orders) > 1 and len(orders[0]) > 1}
    if not told:
        return PositionBias(0, 0.0, 1.0, 0.0, 0.0)
    each = np.array([_query_bias(orders) for orders in told.values()])
    tau, first_changed, displacement = map(float, each.mean(axis=0))
    orders = sum(map(len, told.values())) / len(told)
    return PositionBias(len(told), orders, tau, first_changed, displacement)


def _query_bias(orders: Sequence[Sequence[str]]) -> tuple[float, float, float]:
    pairs = list(combinations(list(_places(orders)), 2))
    tau = np.mean([_tau(one, other) for one, other in pairs])
    first_changed = np.mean([one.argmin() != other.argmin() for one, other in pairs])
    displacement = np.mean([np.abs(one - other).mean() for one, other in pairs])
    return float(tau), float(first_changed), float(displacement)


def _places(orders: Sequence[Sequence[str]]) -> Iterator[Places]:
    """For each order the place of every document, the documents in the sequence of the first order; int [n]."""
    documents = tuple(orders[0])
    for order in orders:
        places = {document: place for place, document in enumerate(order)}
        if len(places) != len(order) or places.keys() != set(documents):
            raise ValueError("the answers to a query must be orders of the same documents")
        yield np.array([places[document] for document in documents], dtype=np.int64)


def _tau(one: Places, other: Places) -> float:
    """Kendall's tau of two orders without ties: (concordant - discordant) / pairs (Kendall 1938)."""
    upper = np.triu_indices(len(one), k=1)
    agreement = np.sign(one[:, None] - one)[upper] * np.sign(other[:, None] - other)[upper]
    return float(agreement.mean())
