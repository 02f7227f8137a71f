"""The chances of a draft are those of the drafts that the service makes."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.lab.clicks.draft_chances import draft_chances
from service.search.online.team_draft import team_draft

DRAFTS = 800


@given(st.permutations(range(7)), st.permutations(range(7)), st.integers(1, 7))
@settings(max_examples=10, deadline=None)
def test_they_are_the_shares_of_many_drafts(a: list[int], b: list[int], shown: int) -> None:
    chances = draft_chances(tuple(a[:shown]), tuple(b[:shown]), shown)
    assert chances is not None
    seen: Counter[tuple[int, int]] = Counter()
    for seed in range(DRAFTS):
        seen.update((item, rank) for rank, item in enumerate(team_draft(a, b, f"{seed}").order[:shown]))
    assert set(seen) <= set(chances)
    for place, chance in chances.items():
        assert abs(seen[place] / DRAFTS - chance) < 0.11  # six standard errors
    for rank in range(shown):
        assert sum(chance for (_, at), chance in chances.items() if at == rank) == pytest.approx(1)


def test_orders_of_logs_that_nobody_wrote_end_soon() -> None:
    assert draft_chances((0,), (0,), 4) == {(0, 0): 1.0}
    assert draft_chances((), (), 3) == {}
    entangled = draft_chances(tuple(range(100)), tuple(place ^ 1 for place in range(100)), 100)
    assert entangled is None or len(entangled) <= 100 * 100
