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


SCORED = Ranking((3, 1, 0, 2), scores=(0.2, 0.5, 0.1, 0.9))


def test_scores_are_normalized_and_weighed() -> None:
    order, scores = fuse(SCORED, RETRIEVAL, 0.5, method="scores")
    reranked = (0.125, 0.5, 0.0, 1.0)
    retrieved = (1.0, 2 / 3, 1 / 3, 0.0)
    assert scores == pytest.approx([(a + b) / 2 for a, b in zip(reranked, retrieved, strict=True)])
    assert order == (1, 0, 3, 2)


def test_scores_keep_how_far_apart_candidates_are() -> None:
    """By ranks the first two would change places all the same, however close the one call and clear the other."""
    close = Ranking((1, 0, 2), scores=(0.50, 0.51, 0.0))
    assert fuse(close, (0.9, 0.3, 0.2), 0.6, method="scores")[0] == (0, 1, 2)
    assert fuse(close, (0.9, 0.3, 0.2), 0.6)[0] == (1, 0, 2)


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_the_ends_are_the_two_orders_by_scores_too(weight: float) -> None:
    assert fuse(SCORED, RETRIEVAL, weight, method="scores")[0] == (SCORED.order if weight else (0, 1, 2, 3))


@pytest.mark.parametrize(
    "ranking",
    [
        RANKING,  # no scores
        Ranking((3, 1, 0, 2), scores=(0.2, 0.5, None, 0.9)),  # one was not seen
        Ranking((3, 1, 0, 2), scores=(0.2, 0.5, 0.3, 0.9)),  # an order that is not that of its scores
        Ranking((3, 1, 0, 2), scores=(0.2, 0.5, 0.1, float("inf"))),
    ],
)
def test_without_usable_scores_it_is_by_ranks(ranking: Ranking) -> None:
    assert fuse(ranking, RETRIEVAL, 0.5, method="scores") == fuse(RANKING, RETRIEVAL, 0.5)


def test_equal_scores_decide_nothing() -> None:
    even = Ranking((0, 1, 2, 3), scores=(0.4,) * 4)
    assert fuse(even, (0.1, 0.2, 0.3, 0.4), 0.5, method="scores")[0] == (3, 2, 1, 0)
    assert fuse(SCORED, (0.7,) * 4, 0.5, method="scores")[0] == SCORED.order
    assert fuse(SCORED, (0.7,) * 4, 0.0, method="scores")[0] == (0, 1, 2, 3)
    assert fuse(Ranking(()), (), 0.5, method="scores") == ((), ())


@given(st.lists(st.tuples(st.floats(), st.none() | st.floats()), max_size=9), st.floats(0, 1))
def test_by_scores_too_the_result_is_a_permutation_sorted_by_score(
    rows: list[tuple[float, float | None]], weight: float
) -> None:
    n = len(rows)
    order = tuple(sorted(range(n), key=lambda place: -(rows[place][1] or 0.0)))
    ranking = Ranking(order, scores=tuple(score for _, score in rows))
    fused, scores = fuse(ranking, [score for score, _ in rows], weight, method="scores")
    assert sorted(fused) == list(range(n))
    assert [scores[i] for i in fused] == sorted(scores, reverse=True)


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan")])
def test_weights_outside_the_range_are_refused(weight: float) -> None:
    with pytest.raises(ValueError, match="weight"):
        fuse(RANKING, RETRIEVAL, weight)


def test_scores_must_match_the_candidates() -> None:
    with pytest.raises(ValueError, match="1 retrieval scores for 4"):
        fuse(RANKING, (0.5,))
