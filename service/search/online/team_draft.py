"""Two rankings of the same items interleaved, so that clicks show which is better.

Team draft interleaving: Radlinski, Kurup and Joachims, "How Does Clickthrough Data Reflect Retrieval Quality?", CIKM
2008, algorithm 2. Like captains who pick players: the team with fewer items picks next, a coin decides between equals,
and each pick is the best remaining item of the team's ranking. So neither ranking is favored by the places
that its items get.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from rerank.ranking import Ranking

Team = Literal["A", "B"]
TEAMS: Final[tuple[Team, Team]] = ("A", "B")


@dataclass(frozen=True, slots=True)
class Draft:
    """Positions of the items, best first, each exactly once, and the team that picked the item at each place."""

    order: tuple[int, ...]
    teams: tuple[Team, ...]


def team_draft(a: Sequence[int], b: Sequence[int], seed: str) -> Draft:
    """Interleave two orders over the positions 0…n-1. The same seed gives the same draft, in every process.

    ValueError if one of them is not a permutation of the positions.
    """
    orders = {"A": Ranking(tuple(a)).order, "B": Ranking(tuple(b)).order}
    if len(a) != len(b):
        raise ValueError(f"{len(a)} items cannot be interleaved with {len(b)}")
    coin = random.Random(seed)  # seeded by the text's SHA-512, not by its hash in this process
    taken: dict[int, Team] = {}
    lead = 0  # items of A more than of B
    rest = {"A": iter(orders["A"]), "B": iter(orders["B"])}
    while len(taken) < len(a):
        team: Team = TEAMS[coin.getrandbits(1)] if lead == 0 else ("B" if lead > 0 else "A")
        pick = next(position for position in rest[team] if position not in taken)
        taken[pick] = team
        lead += 1 if team == "A" else -1
    return Draft(tuple(taken), tuple(taken.values()))
