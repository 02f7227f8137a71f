"""Team draft interleaving: complete, fair, and the same for the same seed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.search.online.team_draft import TEAMS, team_draft

orders = st.integers(0, 30).flatmap(lambda n: st.tuples(st.permutations(range(n)), st.permutations(range(n))))


@given(orders, st.text(max_size=40))
def test_every_item_once_by_teams_of_equal_size_who_take_their_best(
    pair: tuple[list[int], list[int]], seed: str
) -> None:
    a, b = pair
    draft = team_draft(a, b, seed)
    assert sorted(draft.order) == list(range(len(a))) and len(draft.teams) == len(a)
    assert draft == team_draft(a, b, seed)
    for place, (position, team) in enumerate(zip(draft.order, draft.teams, strict=True)):
        before = draft.order[:place]
        assert position == next(item for item in (a if team == "A" else b) if item not in before)
        ahead = draft.teams[:place].count("A") - draft.teams[:place].count("B")
        assert ahead == 0 or team == ("B" if ahead > 0 else "A")


@given(st.permutations(range(12)))
def test_equal_orders_stay_as_they_are(order: list[int]) -> None:
    assert team_draft(order, order, "x").order == tuple(order)


def test_each_side_begins_about_as_often() -> None:
    first = [team_draft(range(3), (2, 1, 0), f"{seed}").teams[0] for seed in range(1000)]
    assert set(first) == set(TEAMS) and 440 < first.count("A") < 560


def test_the_draft_of_a_query_is_the_same_in_every_process() -> None:
    draft = team_draft(range(6), (5, 4, 3, 2, 1, 0), "3f2a")
    assert ("".join(draft.teams), draft.order) == ("ABABBA", (0, 5, 1, 4, 3, 2))


@pytest.mark.parametrize(("a", "b"), [((0, 0), (0, 1)), ((0, 1), (0, 2)), ((0, 1), (0,))])
def test_what_is_no_permutation_is_refused(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    with pytest.raises(ValueError):
        team_draft(a, b, "x")
