"""Votes: one a user, and a sequence of them that later events only continue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from service.search.online.votes import Credit, Votes

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
# Searches 0 to 8, three of each user; an event arrives at a minute of its own, whichever search it is of.
events = st.lists(
    st.tuples(st.integers(0, 8), st.booleans(), st.integers(0, 600)), max_size=30, unique_by=lambda one: one[2]
)


def votes(found: list[tuple[int, bool, int]]) -> Votes:
    counted, searches = Votes(), dict[int, list[Credit]]()
    for search, is_b, minute in found:
        searches.setdefault(search, []).append(Credit(BEGAN + timedelta(minutes=minute), str(search), minute, is_b))
    for search, credits in searches.items():
        counted.add(f"user {search // 3}", credits)
    return counted


@given(events, st.integers(0, 600))
def test_what_was_seen_at_a_look_is_where_the_sequence_of_a_later_look_begins(
    found: list[tuple[int, bool, int]], look: int
) -> None:
    then, now = votes([one for one in found if one[2] <= look]).in_time(), votes(found).in_time()
    assert now[: len(then)] == then


def test_a_user_votes_for_whom_more_searches_speak() -> None:
    counted = votes(
        [(0, True, 1), (0, True, 2), (0, False, 3), (1, True, 4), (2, False, 5), (3, False, 6), (8, True, 7)]
    )
    assert (counted.counts, counted.searches) == ((1, 2, 0), 5)
    assert votes([(0, True, 1), (1, False, 2)]).counts == (0, 0, 1)
