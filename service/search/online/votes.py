"""The votes of an interleaved comparison: who won each search, and what they come to user by user.

The searches of one user are not independent, so each user has one vote, for whom more of the own searches speak. A
search without a session is its own user.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple


class Credit(NamedTuple):
    """An event that counts: when it arrived, of which search, the place of its product, and whose side picked that."""

    time: datetime
    search: str
    place: int
    is_b: bool


@dataclass(slots=True)
class _Voter:
    """`lead`: searches that B won, less those that A won; `first`: the earliest event that counts."""

    lead: int
    first: Credit


@dataclass(slots=True)
class Votes:
    """One pair of configurations, by one kind of event."""

    searches: int = 0
    """Searches with an event that counts, ties among them."""
    _voters: dict[str, _Voter] = field(default_factory=dict)

    def add(self, user: str, credits: Sequence[Credit]) -> None:
        """A search of a user and what is credited for it, at least one event."""
        self.searches += 1
        ahead, first = sum(1 if one.is_b else -1 for one in credits), min(credits)
        voter = self._voters.setdefault(user, _Voter(0, first))
        voter.lead += (ahead > 0) - (ahead < 0)
        voter.first = min(voter.first, first)

    @property
    def counts(self) -> tuple[int, int, int]:
        """Users for A, users for B, and ties."""
        leads = [voter.lead for voter in self._voters.values()]
        a, b = sum(lead < 0 for lead in leads), sum(lead > 0 for lead in leads)
        return a, b, len(leads) - a - b

    def in_time(self) -> list[bool]:
        """For each user, in the order of their first events, whether that was for B. Events that arrive later change
        nothing of it, however late, as a test needs that may be looked at at any time.
        """
        firsts = sorted((one.first.time, user, one.first.is_b) for user, one in self._voters.items())
        return [is_b for *_, is_b in firsts]  # the user decides between equal times, and never the winner
