"""MMR: always a permutation, relevance alone at λ = 1, and variety below that."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from service.search.diversity import MOST, Diversity, mmr
from service.stores.store import Hit
from tests.integration.records import record


def hits(*scores: float) -> list[Hit]:
    return [record(f"p{n}").found(score) for n, score in enumerate(scores)]


def diversity(balance: float, *degrees: float) -> Diversity:
    """Unit vectors in a plane, of products p0, p1, …."""
    angles = np.radians(degrees)
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    return Diversity(balance, {f"p{n}": vector for n, vector in enumerate(vectors)})


@given(
    st.lists(st.tuples(st.floats(-1, 1), st.floats(0, 360)), max_size=20),
    st.floats(0, 1),
    st.integers(0, 25),
)
def test_any_order_of_any_products_is_a_permutation(
    items: list[tuple[float, float]], balance: float, known: int
) -> None:
    found = hits(*(score for score, _ in items))
    order = diversity(balance, *(angle for _, angle in items[:known])).order(found)
    assert sorted(order) == list(range(len(found)))
    if balance == 1 or not known:
        assert order == list(range(len(found)))


def test_relevance_alone_keeps_the_order_whatever_gave_it() -> None:
    """The order is the relevance: that of a reranker counts, and not the cosines that it overruled."""
    assert diversity(1.0, 0, 1, 90).order(hits(0.1, 0.9, 0.5)) == [0, 1, 2]
    assert diversity(1.0, 0, 0, 0).order(hits(0.5, 0.5, 0.5)) == [0, 1, 2]


def test_what_is_alike_waits() -> None:
    shown = hits(0.9, 0.89, 0.88, 0.3)
    assert diversity(0.5, 0, 1, 80, 40).order(shown) == [0, 2, 1, 3]
    assert diversity(0.0, 0, 1, 80, 40).order(shown)[:2] == [0, 2], "the first is the most relevant one"


def test_the_formula_of_the_paper() -> None:
    """By hand, with both similarities between 0 and 1 already."""
    relevance = np.array([1.0, 0.8, 0.6, 0.0])
    similarity = np.array([[1, 1.0, 0.5, 0.0], [1.0, 1, 0.2, 0.0], [0.5, 0.2, 1, 0.0], [0.0, 0.0, 0.0, 1]])
    # λ = .5 after place 0: .4 - .5, .3 - .25, 0 - 0; then .4 - .5, 0 - 0; then the rest
    assert mmr(relevance, similarity, 0.5) == [0, 2, 3, 1]


def test_behind_the_bound_nothing_is_compared() -> None:
    many = MOST + 3
    order = diversity(0.5, *(n % 7 for n in range(many))).order(hits(*(1 - n / many for n in range(many))))
    assert order[MOST:] == list(range(MOST, many)) and sorted(order) == list(range(many))
