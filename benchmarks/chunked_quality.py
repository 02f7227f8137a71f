"""Whether `chunked` loses by scoring four candidates of a window instead of all: noisy rankers, simulated.

Each candidate has a worth from a normal distribution. Retrieval, a listwise ranker within each window, and a pointwise
one see it with normal noise of their own. The measure is nDCG@9 with gains from the worth.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from benchmarks.report import Value
from rerank.strategies.chunked import calibrated, chunks, filled, scored_places

DRAWS, DEPTH = 1000, 9
NOISES = ((0.2, 0.6), (0.4, 0.4), (0.4, 0.8))
"""Standard deviations of the noise of the listwise and the pointwise ranker."""

Numbers = npt.NDArray[np.float64]


def simulated(count: int, window: int) -> list[dict[str, Value]]:
    """A row for each pair of noises: nDCG@9 with all scores, with those that `chunked` asks for, and with none."""
    rows: list[dict[str, Value]] = []
    for lists, points in NOISES:
        rng = np.random.default_rng(1)
        found = np.mean([_draw(rng, count, window, lists, points) for _ in range(DRAWS)], axis=0)
        names = ("all scored", "four of each window", "windows dealt in turn")
        rows.append(
            {"noise of lists": lists, "noise of scores": points, **dict(zip(names, map(float, found), strict=True))}
        )
    return rows


def _draw(rng: np.random.Generator, count: int, window: int, lists: float, points: float) -> list[float]:
    worth = rng.normal(size=count)
    worth = worth[np.argsort(-(worth + rng.normal(size=count)))]  # as retrieval has them
    scores = 1 / (1 + np.exp(-1.5 * (worth + rng.normal(scale=points, size=count))))
    ranked = []
    for part in chunks(count, window):
        places = np.array(part)
        ranked.append(places[np.argsort(-(worth[places] + rng.normal(scale=lists, size=len(places))))])
    orders = [_merged(ranked, scores, [range(len(order)) for order in ranked])]
    orders.append(_merged(ranked, scores, [scored_places(len(order)) for order in ranked]))
    orders.append([int(order[rank]) for rank in range(window) for order in ranked if rank < len(order)])
    return [_ndcg(worth, order) for order in orders]


def _merged(ranked: Sequence[Numbers], scores: Numbers, asked: Sequence[Sequence[int]]) -> list[int]:
    """The order of all windows by the scores of some of their ranks, as `chunked` makes it."""
    merged: dict[int, float] = {}
    for order, ranks in zip(ranked, asked, strict=True):
        known = calibrated([float(scores[order[rank]]) for rank in ranks])
        merged |= dict(zip(map(int, order), filled(ranks, known), strict=True))
    return sorted(merged, key=lambda place: -merged[place])


def _ndcg(worth: Numbers, order: Sequence[int]) -> float:
    gains = 2 ** np.clip((worth + 1) * 1.5, 0, 4) - 1
    discounts = 1 / np.log2(np.arange(2, DEPTH + 2))
    return float(gains[list(order)][:DEPTH] @ discounts / (np.sort(gains)[::-1][:DEPTH] @ discounts))
