"""The type itself refuses to lose, double or invent a candidate."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rerank.ranking import Fault, Ranking


@pytest.mark.parametrize("order", [(0, 0), (1,), (0, 2), (-1, 0), (1, 2, 3)])
def test_only_permutations_exist(order: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="not a permutation"):
        Ranking(order)


@pytest.mark.parametrize("repaired", [(2,), (0, 1), (1, 1)])
def test_repaired_is_a_part_of_the_order_in_its_order(repaired: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="repaired"):
        Ranking((1, 0), Fault.MISSING, repaired)


def test_scores_are_given_for_every_candidate() -> None:
    with pytest.raises(ValueError, match="1 scores for 2"):
        Ranking((1, 0), scores=(0.5,))


def test_identity_is_the_retrieval_order() -> None:
    assert Ranking.identity(3, Fault.TIMEOUT).order == (0, 1, 2)
    assert Ranking.identity(0).order == ()


def test_apply_reorders_and_counts() -> None:
    assert Ranking((2, 0, 1)).apply("abc") == ["c", "a", "b"]
    with pytest.raises(ValueError, match="2 items for a ranking of 3"):
        Ranking((2, 0, 1)).apply("ab")


def test_equal_items_stay_apart() -> None:
    assert Ranking((1, 0)).apply(["same", "same"]) == ["same", "same"]


@given(st.integers(0, 26).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.integers(0, max(0, n - 1))))))
def test_completed_keeps_first_places_and_adds_the_rest(case: tuple[int, list[int]]) -> None:
    n, named = case[0], case[1] if case[0] else []
    ranking = Ranking.completed(named, n)
    assert ranking.order[: len(set(named))] == tuple(dict.fromkeys(named))
    assert ranking.repaired == tuple(sorted(set(range(n)) - set(named)))
