"""The probability that a team draft of two orders puts an item at a rank: exactly, over all coins.

See `service.search.online.team_draft`. In each round both teams pick once, and a coin says who is first. The coin
decides what is taken only if both want the same item next, so few sets of taken items have to be told apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache

_MOST_STATES, _MOST_SHOWN = 500, 200
_REMEMBERED = 4_096

Chances = Mapping[tuple[int, int], float]
"""(item, rank from 0) → probability."""


@lru_cache(_REMEMBERED)
def draft_chances(a: tuple[int, ...], b: tuple[int, ...], shown: int) -> Chances | None:
    """The chances of the first `shown` ranks. Of each order as many items are needed, if it has them.

    None if there are too many outcomes to follow.
    """
    if shown > _MOST_SHOWN:
        return None
    found: defaultdict[tuple[int, int], float] = defaultdict(float)
    states: dict[frozenset[int], float] = {frozenset(): 1.0}
    for rank in range(0, shown, 2):
        following: defaultdict[frozenset[int], float] = defaultdict(float)
        for taken, chance in states.items():
            for first, second in ((a, b), (b, a)):
                picked = taken
                for place, order in ((rank, first), (rank + 1, second)):
                    item = _best(order, picked)
                    if item is None or place >= shown:
                        break
                    found[item, place] += chance / 2
                    picked |= {item}
                following[picked] += chance / 2
        states = following
        if len(states) > _MOST_STATES:
            return None
    return found


def _best(order: Sequence[int], taken: frozenset[int]) -> int | None:
    return next((item for item in order if item not in taken), None)
