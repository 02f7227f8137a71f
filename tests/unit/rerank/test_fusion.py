"""Fusion: the weight's two ends are the two orders, and whatever lies between is a permutation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rerank.fusion import fuse
from rerank.ranking import Ranking

RANKING = Ranking((3, 1, 0, 2))
RETRIEVAL = (0.9, 0.8, 0.7, 0.6)


def test_the_default_is_the_pure_rerank_order() -> None:
    order, scores = fuse(RANKING, RETRIEVAL)
    assert order == RANKING.order
    assert scores == pytest.approx((1 / 63, 1 / 62, 1 / 64, 1 / 61))


def test_weight_zero_is_the_pure_retrieval_order() -> None:
    assert fuse(RANKING, RETRIEVAL, 0.0)[0] == (0, 1, 2, 3)
    assert fuse(RANKING, (0.1, 0.2, 0.3, 0.4), 0.0)[0] == (3, 2, 1, 0)


def test_between_them_one_surprise_moves_only_so_far() -> None:
    order, _ = fuse(Ranking((8, *range(8))), [1.0 - i / 10 for i in range(9)], 0.5)
    assert 0 < order.index(8) < 8


def test_ties_go_to_the_reranked_order() -> None:
    assert fuse(Ranking((1, 0)), (0.9, 0.8), 0.5)[0] == (1, 0)


@given(st.permutations(range(9)), st.lists(st.floats(), min_size=9, max_size=9), st.floats(0, 1))
def test_the_result_is_always_a_permutation_sorted_by_score(
    order: list[int], retrieval: list[float], weight: float
) -> None:
    fused, scores = fuse(Ranking(tuple(order)), retrieval, weight)
    assert sorted(fused) == list(range(9))
    assert [scores[i] for i in fused] == sorted(scores, reverse=True)


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan")])
def test_weights_outside_the_range_are_refused(weight: float) -> None:
    with pytest.raises(ValueError, match="weight"):
        fuse(RANKING, RETRIEVAL, weight)


def test_scores_must_match_the_candidates() -> None:
    with pytest.raises(ValueError, match="1 retrieval scores for 4"):
        fuse(RANKING, (0.5,))
