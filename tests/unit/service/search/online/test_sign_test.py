"""The sign test and Wilson's interval are scipy's."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from service.search.online.sign_test import sign_test_p, wilson_interval

counts = st.integers(0, 3000)


@settings(max_examples=60, deadline=None)
@given(counts, counts)
def test_both_are_those_of_scipy(wins: int, losses: int) -> None:
    assert sign_test_p(wins, losses) == sign_test_p(losses, wins)
    if wins + losses:
        expected = stats.binomtest(wins, wins + losses)
        assert sign_test_p(wins, losses) == pytest.approx(expected.pvalue, rel=1e-8, abs=1e-250)
        interval = expected.proportion_ci(method="wilson")
        assert wilson_interval(wins, losses) == pytest.approx((interval.low, interval.high), abs=1e-12)


def test_no_queries_say_nothing_and_millions_are_counted() -> None:
    assert sign_test_p(0, 0) == 1.0 and wilson_interval(0, 0) == (0.0, 1.0)
    assert sign_test_p(1_001_000, 999_000) == pytest.approx(stats.binomtest(1_001_000, 2_000_000).pvalue, rel=1e-6)
