"""How likely a product was to be looked at in the logged searches of a query: the propensity of inverse propensity
scoring.

    propensity[d] = mean over searches of Σ_r P(d shown at rank r in this search) · examination[r]

A team draft has exact probabilities, which are those of its coins; a search that was not interleaved showed what it
showed. Averaging over all searches of a query is the balance heuristic for logs of several policies (Agarwal et al.,
"Effective Evaluation Using Logged Bandit Feedback from Multiple Loggers", KDD 2017).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.lab.clicks.cells import sums
from service.lab.clicks.click_log import ClickLog, Ints
from service.lab.clicks.draft_chances import draft_chances

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LoggedChances:
    """Each chance of a product to be shown [C]: in which search, of which pair, at which rank, and how likely.

    `query`: of each search [S]; `drafted`: [S], whether its chances are those of a draft.
    """

    search: Ints
    pair: Ints
    rank: Ints
    chance: Floats
    query: Ints
    drafted: NDArray[np.bool_]

    def propensities(self, examination: Floats, weights: Floats, pair_query: Ints) -> Floats:
        """Of every pair [P]. `examination`: [ranks]; `weights`: of each search [S], 1 for what was logged."""
        looked = self.chance * examination[self.rank] * weights[self.search]
        searches = sums(self.query, int(pair_query.max(initial=0)) + 1, weights)
        return np.asarray(
            sums(self.pair, len(pair_query), looked) / np.maximum(searches[pair_query], 1e-12), dtype=np.float64
        )


def logged_chances(log: ClickLog) -> LoggedChances:
    """The chances of a log of first pages that has its drafts."""
    rows: list[tuple[int, int, int, float]] = []
    drafted = np.zeros(log.searches, np.bool_)
    for search, orders in enumerate(log.drafts):
        here = slice(int(log.starts[search]), int(log.starts[search + 1]))
        shown = list(zip(log.pair[here].tolist(), log.rank[here].tolist(), strict=True))
        chances = None if orders is None else draft_chances(*orders, len(shown))
        # Rules and sorting may have moved what was drafted; then it was no chance that put it there.
        if chances is not None and all(chances.get(one, 0) > 0 for one in shown):
            drafted[search] = True
            rows.extend((search, pair, rank, chance) for (pair, rank), chance in chances.items())
        else:
            rows.extend((search, pair, rank, 1.0) for pair, rank in shown)
    table = np.array(rows, np.float64).reshape(-1, 4)
    return LoggedChances(
        table[:, 0].astype(np.int32),
        table[:, 1].astype(np.int32),
        table[:, 2].astype(np.int32),
        table[:, 3],
        log.query,
        drafted,
    )
