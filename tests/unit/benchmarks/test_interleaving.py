"""The simulation of interleaved comparisons: it says what it claims to compare."""

from __future__ import annotations

import random

from benchmarks.interleaving import as_before, by_search, comparison, preference


def test_credit_for_the_prefix_is_all_that_differs_between_before_and_now() -> None:
    log = list(comparison(150, random.Random(1), better=True))
    before, now = preference([as_before(row) for row in log]), preference(log)
    assert before.searches > now.searches > 0
    assert before.wins_a + before.wins_b > now.wins_a + now.wins_b


def test_heavy_users_have_one_vote() -> None:
    log = list(comparison(150, random.Random(2), better=False, heavy=True))
    searched, voted = preference([by_search(row) for row in log]), preference(log)
    assert searched.searches == voted.searches
    assert voted.wins_a + voted.wins_b + voted.ties < searched.wins_a + searched.wins_b + searched.ties
