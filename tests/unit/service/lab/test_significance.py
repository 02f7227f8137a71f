"""Tests of significance: exact where they can be, equal to scipy's, deterministic, and honest about nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from service.lab.significance import bootstrap_interval, holm, mean_interval, randomization_p

values = st.lists(st.sampled_from([0.0, 0.25, 1 / 3, 0.5, 1.0]), min_size=1, max_size=40)
p_values = st.lists(st.floats(0, 1), max_size=12)


def _pairs(data: st.DataObject) -> tuple[np.ndarray, np.ndarray]:
    first = data.draw(values)
    second = data.draw(
        st.lists(st.sampled_from([0.0, 0.25, 1 / 3, 0.5, 1.0]), min_size=len(first), max_size=len(first))
    )
    return np.array(first), np.array(second)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_p_is_symmetric_and_in_range(data: st.DataObject) -> None:
    first, second = _pairs(data)
    p = randomization_p(first - second, resamples=500)
    assert 0 < p <= 1
    assert p == randomization_p(second - first, resamples=500)
    assert p == randomization_p((first - second) * 7, resamples=500)


@settings(max_examples=50, deadline=None)
@given(values)
def test_identical_runs_do_not_differ(same: list[float]) -> None:
    zero = np.array(same) - np.array(same)
    assert randomization_p(zero) == 1.0


def test_no_queries_tell_nothing() -> None:
    assert randomization_p(np.zeros(0)) == 1.0
    low, high = mean_interval(np.zeros(0), bounds=(-1.0, 1.0))
    assert low < -0.9 and high > 0.9


@pytest.mark.parametrize("n", [2, 5, 10])
def test_few_queries_are_counted_exactly_as_scipy_does(n: int) -> None:
    random = np.random.default_rng(n)
    first, second = random.choice([0.0, 0.5, 1.0], n), random.random(n)
    expected = stats.permutation_test(
        (first, second), _mean_difference, permutation_type="samples", n_resamples=np.inf, vectorized=True
    )
    assert randomization_p(first - second) == pytest.approx(expected.pvalue)


def test_many_queries_are_sampled_as_scipy_does() -> None:
    random = np.random.default_rng(3)
    first = random.random(60)
    second = first + random.normal(0.03, 0.12, 60)
    expected = stats.permutation_test(
        (first, second), _mean_difference, permutation_type="samples", n_resamples=9999, vectorized=True, rng=1
    )
    assert randomization_p(first - second) == pytest.approx(expected.pvalue, abs=0.02)


def test_the_smallest_p_says_how_much_was_sampled() -> None:
    assert randomization_p(np.ones(100), resamples=999) == pytest.approx(2 / 1000)
    assert randomization_p(np.ones(3)) == pytest.approx(2 / 8)  # all + and all -


def test_the_same_seed_gives_the_same_numbers_in_any_block_size(monkeypatch: pytest.MonkeyPatch) -> None:
    differences = np.random.default_rng(0).normal(0.02, 0.3, 50)
    first = randomization_p(differences, seed=5), bootstrap_interval(differences, seed=5)
    assert first == (randomization_p(differences, seed=5), bootstrap_interval(differences, seed=5))
    assert first[1] != bootstrap_interval(differences, seed=6)
    monkeypatch.setattr("service.lab.significance._CHUNK_CELLS", 512)
    small = bootstrap_interval(differences, seed=5)
    assert small == pytest.approx(first[1], abs=0.01)


def test_the_interval_is_scipy_s_percentile_interval() -> None:
    differences = np.random.default_rng(2).normal(0.1, 0.4, 80)
    low, high = bootstrap_interval(differences)
    expected = stats.bootstrap((differences,), np.mean, method="percentile", n_resamples=9999, rng=1)
    assert (low, high) == pytest.approx(tuple(expected.confidence_interval), abs=0.01)
    assert low < differences.mean() < high


def test_weights_move_the_mean() -> None:
    differences = np.array([1.0] * 30 + [-1.0] * 60)
    weights = np.array([2.0] * 30 + [1.0] * 60)  # as if both outcomes were as frequent
    assert bootstrap_interval(differences, resamples=500)[1] < 0 < bootstrap_interval(differences, weights)[1]
    assert randomization_p(differences) < 0.01
    assert randomization_p(differences, weights) > 0.5


@pytest.mark.parametrize("weights", [[1.0], [1.0, 0.0], [1.0, -1.0], [1.0, float("nan")]])
def test_wrong_weights_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="weight"):
        randomization_p(np.array([0.1, 0.2]), np.array(weights))


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@settings(max_examples=50, deadline=None)
@given(p_values)
def test_holm_only_raises_and_keeps_the_order(given_p: list[float]) -> None:
    adjusted = holm(given_p)
    assert all(p <= q <= 1 for p, q in zip(given_p, adjusted, strict=True))
    assert all(q <= min(1.0, p * len(given_p)) + 1e-12 for p, q in zip(given_p, adjusted, strict=True))
    by_p = sorted(range(len(given_p)), key=lambda place: given_p[place])
    assert [adjusted[place] for place in by_p] == sorted(adjusted)


def _mean_difference(first: np.ndarray, second: np.ndarray, axis: int) -> np.ndarray:
    return np.asarray(np.mean(first - second, axis=axis))
