"""Orders that were not shown: those of both sides of an interleaved comparison, and those of a run in TREC format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.lab.clicks.click_log import ClickLog, Ints
from service.lab.judged import Run
from service.lab.lab_errors import LabError


@dataclass(frozen=True, eq=False)
class OtherOrder:
    """Another order of some searches: entries [E] with the search, the rank from 0, and the pair (-1: not in the log).
    As many products of it count as the search showed.
    """

    name: str
    search: Ints
    rank: Ints
    pair: Ints


def sides(log: ClickLog, drafted: NDArray[np.bool_]) -> list[OtherOrder]:
    """A and B of the searches that were drafted; empty if none was."""
    searches = [(search, log.drafts[search]) for search in np.flatnonzero(drafted).tolist()]
    return [
        _order(name, ((search, orders[side]) for search, orders in searches if orders is not None))
        for side, name in enumerate("AB" if searches else "")
    ]


def run_order(log: ClickLog, run: Run, name: str) -> OtherOrder:
    """The order of a run for all searches of its queries, by the ids that `withthis clicks judgments` gives them.

    Raises LabError if it has none of the queries.
    """
    pairs = {(int(query), product): pair for pair, (query, product) in enumerate(_pairs(log))}
    orders = {
        number: [pairs.get((number, product), -1) for product in run.rankings[query.id].documents]
        for number, query in enumerate(log.queries)
        if query.id in run.rankings
    }
    if not orders:
        raise LabError(
            f"The run {name} has no query of this log. Make it with `withthis evaluate`, of the folder that "
            "`withthis clicks judgments` writes: runs of its queries are put into `runs/`."
        )
    asked = zip(log.query.tolist(), log.lengths.tolist(), strict=True)
    return _order(
        name,
        ((search, tuple(orders[query][:shown])) for search, (query, shown) in enumerate(asked) if query in orders),
    )


def _pairs(log: ClickLog) -> Iterator[tuple[int, str]]:
    return zip(log.pair_query.tolist(), log.pair_product, strict=True)


def _order(name: str, ranked: Iterator[tuple[int, tuple[int, ...]]]) -> OtherOrder:
    rows = [(search, rank, pair) for search, order in ranked for rank, pair in enumerate(order)]
    search, rank, pair = np.array(rows, np.int32).reshape(-1, 3).T
    return OtherOrder(name, search, rank, pair)
