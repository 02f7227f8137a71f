"""The votes of an interleaved comparison: who won each search, and what they come to user by user.

The searches of one user are not independent, so each user has one vote, for whom more of the own searches speak. A
search without a session is its own user.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(slots=True)
class _Voter:
    """`lead`: searches that B won, less those that A won; of the first one that had a winner: its time and winner."""

    lead: int = 0
    first: datetime | None = None
    first_is_b: bool = False


@dataclass(slots=True)
class Votes:
    """One pair of configurations, by one kind of event."""

    searches: int = 0
    """Searches with an event that counts, ties among them."""
    _voters: dict[str, _Voter] = field(default_factory=dict)

    def add(self, user: str, time: datetime, ahead: int) -> None:
        """A search of a user. `ahead`: products credited to B, less those credited to A."""
        self.searches += 1
        voter = self._voters.setdefault(user, _Voter())
        voter.lead += (ahead > 0) - (ahead < 0)
        if ahead and (voter.first is None or time < voter.first):
            voter.first, voter.first_is_b = time, ahead > 0

    @property
    def counts(self) -> tuple[int, int, int]:
        """Users for A, users for B, and ties."""
        leads = [voter.lead for voter in self._voters.values()]
        a, b = sum(lead < 0 for lead in leads), sum(lead > 0 for lead in leads)
        return a, b, len(leads) - a - b

    def in_time(self) -> list[bool]:
        """For each user, in the order in which they were first decided, whether that search was for B. What was true at
        an earlier look stays true at a later one, which a test that may be looked at at any time needs.
        """
        decided = [(one.first, user, one.first_is_b) for user, one in self._voters.items() if one.first is not None]
        return [is_b for *_, is_b in sorted(decided)]  # the user decides between equal times, and never the winner
