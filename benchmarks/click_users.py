"""Simulated users of a shop whose products are known to be attractive, and the search log that they leave.

Of the products of a query, nine are shown. A ranker's order is by attractiveness and noise. Half of the searches are
interleaved with a second ranker; the others show the first one's order. Position-based users look at rank r with
probability 2/3 r^-0.8; cascade users go on to the next product with probability 0.85, unless they have clicked and are
satisfied, with probability 0.6.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from service.lab.clicks.asked_query import AskedQuery
from service.lab.clicks.click_log import ClickLog, read_clicks
from service.lab.judged import RankedList, Run
from service.search.online.log_reader import SearchLog
from service.search.online.team_draft import team_draft

Floats = NDArray[np.float64]
Users = Literal["position", "cascade"]
Row = dict[str, Any]

SHOWN = 9
EXAMINATION: Floats = np.arange(1, SHOWN + 1) ** -0.8 * 2 / 3
PERSISTENCE, SATISFACTION = 0.85, 0.6
NOISE, INTERLEAVED, SEARCHES_A_USER = 0.25, 0.5, 3
_SIDE = {"engine": "e", "strategy": "listwise", "prompt": "p", "candidates": 9, "fusion_weight": 1.0}


@dataclass(frozen=True)
class Shop:
    """Attractiveness [queries, products], how popular each query is, and the orders of the rankers A, B and C."""

    attractiveness: Floats
    popularity: Floats
    orders: dict[str, NDArray[np.int64]]

    @classmethod
    def drawn(cls, queries: int, chance: np.random.Generator, *, products: int) -> Shop:
        """A shop by chance; C, which is never shown, has half the noise of A and B."""
        attractive = chance.beta(1.0, 2.5, (queries, products))
        noise = {"A": NOISE, "B": NOISE, "C": NOISE / 2}
        orders = {
            name: np.argsort(-(attractive + chance.normal(0, scale, attractive.shape)), axis=1)
            for name, scale in noise.items()
        }
        popular = np.arange(1, queries + 1) ** -0.7
        return cls(attractive, popular / popular.sum(), orders)

    def expected(self, name: str, users: Users) -> float:
        """Clicks a search if everybody were shown the order of a ranker."""
        shown = np.take_along_axis(self.attractiveness, self.orders[name], axis=1)[:, :SHOWN]
        if users == "position":
            return float(self.popularity @ (shown * EXAMINATION).sum(axis=1))
        goes_on = PERSISTENCE * (1 - SATISFACTION * shown)
        looked = np.cumprod(np.column_stack([np.ones(len(shown)), goes_on[:, :-1]]), axis=1)
        return float(self.popularity @ (shown * looked).sum(axis=1))


def simulate(
    shop: Shop, searches: int, users: Users, chance: np.random.Generator, *, uneven: bool = False
) -> Iterator[Row]:
    """The lines of a log. `uneven`: half of the position-based users look half as often, the others half more."""
    eager = np.ones(searches // SEARCHES_A_USER + 1)
    if uneven:
        eager = chance.choice([0.5, 1.5], len(eager))
    asked = chance.choice(len(shop.popularity), searches, p=shop.popularity)
    for number, query in enumerate(asked.tolist()):
        user = number // SEARCHES_A_USER
        a, b = (shop.orders[name][query].tolist() for name in "AB")
        draft = team_draft(a, b, f"{chance.random()}") if chance.random() < INTERLEAVED else None
        order = a if draft is None else list(draft.order)
        teams = None if draft is None else "".join(draft.teams)
        yield _search((number, user, query), a, b, order, teams)
        rates = shop.attractiveness[query][order[:SHOWN]]
        for rank in _clicks(rates, users, chance, eager[user]):
            row = {"kind": "feedback", "time": "2026-01-02T00:00:00Z", "event": "click"}
            yield {**row, "query_id": f"q{number}", "product_id": str(order[rank])}


def _clicks(rates: Floats, users: Users, chance: np.random.Generator, eager: float) -> Iterator[int]:
    if users == "position":
        yield from np.flatnonzero(chance.random(SHOWN) < EXAMINATION * rates * eager).tolist()
        return
    for rank, rate in enumerate(rates.tolist()):
        if chance.random() < rate:
            yield rank
            if chance.random() < SATISFACTION:
                return
        if chance.random() >= PERSISTENCE:
            return


def _search(which: tuple[int, int, int], a: list[int], b: list[int], order: list[int], teams: str | None) -> Row:
    number, user, query = which
    return {
        "kind": "search",
        "id": f"q{number}",
        "time": "2026-01-01T00:00:00Z",
        "session": f"u{user}",
        "query": {"text": f"query {query}"},
        "encoder": {"id": "e", "fingerprint": "f"},
        "a": {**_SIDE, "fusion_method": "rrf", "order": _texts(a)},
        "b": {**_SIDE, "fusion_method": "scores", "order": _texts(b)} if teams else None,
        "order": _texts(order),
        "teams": teams,
        "shown": SHOWN,
    }


def _texts(order: list[int]) -> list[str]:
    return [str(product) for product in order]


def read(folder: Path, *, with_drafts: bool = False) -> ClickLog:
    """Read it again."""
    return read_clicks(SearchLog(folder), with_drafts=with_drafts)


def ranked(shop: Shop, queries: Sequence[AskedQuery], name: str) -> Run:
    """The order of a ranker for the queries of a log, as a run."""
    orders = {query.id: shop.orders[name][query_number(query)] for query in queries}
    return Run(name, {id: RankedList(tuple(map(str, order.tolist()))) for id, order in orders.items()})


def query_number(query: AskedQuery) -> int:
    """Which query of the shop it is."""
    return int((query.text or "").split()[1])


def write(folder: Path, rows: Iterator[Row]) -> None:
    """Write the lines as a search log."""
    with (folder / "log.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(row)}\n" for row in rows)
