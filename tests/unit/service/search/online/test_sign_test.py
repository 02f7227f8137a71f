"""The tests of an interleaved comparison: what they find, and how often they find what is not there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from service.search.online.sign_test import sequential_p, sign_test_p, units_needed, wilson_interval

counts = st.integers(0, 3000)


@settings(max_examples=20, deadline=None)
@given(counts, counts)
def test_the_sign_test_is_symmetric_and_its_interval_holds_the_share(wins: int, losses: int) -> None:
    assert sign_test_p(wins, losses) == pytest.approx(sign_test_p(losses, wins))
    low, high = wilson_interval(wins, losses)
    assert 0 <= low < high <= 1
    if wins + losses:
        assert low <= wins / (wins + losses) <= high


def test_no_queries_say_nothing_and_millions_are_counted() -> None:
    assert sign_test_p(0, 0) == sequential_p([]) == 1.0 and wilson_interval(0, 0) == (0.0, 1.0)
    assert sign_test_p(1_001_000, 999_000) == pytest.approx(0.1573, abs=1e-3)


def test_the_sequential_test_is_wrong_in_at_most_five_percent_at_any_number_of_looks() -> None:
    """Fair coins, looked at after each of 400: the sign test would cry wolf in a third of the runs."""
    coins = np.random.default_rng(3).random((400, 400)) < 0.5
    false_alarms = np.mean([sequential_p(list(run)) <= 0.05 for run in coins])
    assert false_alarms <= 0.05
    looks = np.cumsum(coins, axis=1)
    units = np.arange(1, 401)
    z = np.abs(looks - units / 2) / np.sqrt(units / 4)
    assert np.mean((z[:, 20:] > stats.norm.ppf(0.975)).any(axis=1)) > 0.2


def test_the_sequential_test_finds_what_is_there_and_does_not_forget_it() -> None:
    chance = np.random.default_rng(5)
    winners = [bool(win) for win in chance.random(600) < 0.65]
    assert sequential_p(winners) < 1e-4
    assert sequential_p([*winners, *([False] * 300)]) <= sequential_p(winners)
    assert sequential_p(winners) == pytest.approx(sequential_p([not win for win in winners]))


@pytest.mark.parametrize("share", [0.6, 0.7, 0.3])
def test_the_planned_number_has_the_power_that_was_asked_for(share: float) -> None:
    needed = units_needed(share, power=0.8)
    wins = np.arange(needed + 1)
    rejected = np.array([sign_test_p(int(win), needed - int(win)) <= 0.05 for win in wins])
    assert stats.binom.pmf(wins, needed, share)[rejected].sum() == pytest.approx(0.8, abs=0.03)
    assert units_needed(share, power=0.95) > needed


@pytest.mark.parametrize("share", [0.5, 0.0, 1.0, 0.500001])
def test_a_share_that_no_number_would_show_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        units_needed(share)
