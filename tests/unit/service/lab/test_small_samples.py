"""Few queries: the interval holds where the bootstrap's does not, and what could be found at all is said."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from service.lab.significance import bootstrap_interval, mean_interval
from service.lab.small_samples import SMALL, bounded_interval, detectable_difference


@pytest.mark.parametrize("n", [3, 5, 10])
def test_the_interval_covers_the_mean_as_often_as_it_says(n: int) -> None:
    chance = np.random.default_rng(n)
    runs = (chance.random((100, n)) < 0.8).astype(float)
    covered = np.mean([low <= 0.8 <= high for low, high in (mean_interval(run, bounds=(0, 1)) for run in runs)])
    bootstrapped = np.mean(
        [low <= 0.8 <= high for low, high in (bootstrap_interval(run, resamples=200) for run in runs)]
    )
    assert covered >= 0.95 > bootstrapped + 0.02


@pytest.mark.parametrize(("n", "ones"), [(3, 3), (5, 4), (10, 0)])
def test_for_ones_and_zeros_it_is_clopper_and_pearson_s(n: int, ones: int) -> None:
    values = np.array([1.0] * ones + [0.0] * (n - ones))
    exact = stats.binomtest(ones, n).proportion_ci(method="exact")
    assert mean_interval(values, bounds=(0, 1)) == pytest.approx((exact.low, exact.high), abs=0.01)


def test_equal_values_do_not_make_an_empty_interval() -> None:
    low, high = mean_interval(np.full(3, 0.2), bounds=(-1, 1))
    assert low < 0 and 0.2 < high <= 1


def test_weights_count_and_the_bounds_hold() -> None:
    values, shares = np.array([1.0, 1.0, 0.0]), np.array([0.1, 0.1, 0.8])
    low, high = bounded_interval(values, shares, (0.0, 1.0))
    assert 0 <= low < 0.2 < high <= 1
    assert low < bounded_interval(values, np.full(3, 1 / 3), (0.0, 1.0))[0]


def test_many_queries_are_bootstrapped() -> None:
    values = np.random.default_rng(1).random(SMALL)
    assert mean_interval(values, bounds=(0, 1), seed=4) == bootstrap_interval(values, seed=4)


def test_the_detectable_difference_is_found_as_often_as_it_says() -> None:
    chance = np.random.default_rng(7)
    smallest = detectable_difference(chance.normal(0, 0.2, 12))
    assert smallest is not None
    spread = smallest / detectable_difference(np.array([-1.0, 1.0] * 6)) * np.std([-1.0, 1.0] * 6, ddof=1)  # type: ignore[operator]
    found = stats.ttest_1samp(chance.normal(smallest, spread, (2000, 12)), 0, axis=1).pvalue < 0.05
    assert found.mean() == pytest.approx(0.8, abs=0.03)
    for alike in (np.array([0.5]), np.zeros(4), np.full(6, -0.4131)):
        assert detectable_difference(alike) is None
