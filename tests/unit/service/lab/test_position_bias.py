"""Position bias: none for the same answers, the most for reversed ones, and scipy's tau in between."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from service.lab.position_bias import PositionBias, position_bias

FOUR = ["a", "b", "c", "d"]


def test_the_same_answer_to_every_arrangement_has_no_bias() -> None:
    assert position_bias({"q1": [FOUR] * 3, "q2": [FOUR] * 3}) == PositionBias(2, 3.0, 1.0, 0.0, 0.0)


def test_reversed_answers_have_all_of_it() -> None:
    assert position_bias({"q": [FOUR, FOUR[::-1]]}) == PositionBias(1, 2.0, -1.0, 1.0, 2.0)


def test_by_hand() -> None:
    """Of three answers two agree; the third swaps the first two."""
    found = position_bias({"q": [FOUR, FOUR, ["b", "a", "c", "d"]]})
    assert found.tau == pytest.approx((1 + 2 * (5 - 1) / 6) / 3)
    assert found.first_changed == pytest.approx(2 / 3)
    assert found.displacement == pytest.approx(2 / 3 * 2 / 4)


@settings(max_examples=50, deadline=None)
@given(st.permutations(range(9)), st.permutations(range(9)))
def test_tau_is_scipy_s(first: list[int], second: list[int]) -> None:
    orders = [[str(place) for place in order] for order in (first, second)]
    places = [[order.index(document) for document in sorted(orders[0])] for order in orders]
    assert position_bias({"q": orders}).tau == pytest.approx(stats.kendalltau(*places).statistic)


def test_queries_that_tell_nothing_are_left_out() -> None:
    assert position_bias({"one answer": [FOUR], "one candidate": [["a"], ["a"]], "none": []}).queries == 0
    assert position_bias({"q": [FOUR, FOUR], "one answer": [FOUR]}).queries == 1


def test_answers_to_other_candidates_are_refused() -> None:
    with pytest.raises(ValueError, match="orders of the same documents"):
        position_bias({"q": [FOUR, ["a", "b", "c", "e"]]})
