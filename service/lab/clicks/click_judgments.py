"""From clicks to grades: what a product is worth to those who look at it, against the best product of the same query.

    worth[d] = attractiveness[d] · (w_click + w_add_to_cart · P(add_to_cart | click) + w_purchase · P(purchase | click))

What happens behind a click does not depend on the rank, so only clicks are corrected for it. Shares of clicks are
shrunk toward those of the whole log, as if `CONVERSION_CLICKS` more clicks had shared them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.lab.clicks.attractiveness import Attractiveness
from service.lab.clicks.click_log import ClickLog
from service.wire.feedback import FEEDBACK_KINDS, FeedbackKind

Floats = NDArray[np.float64]

WEIGHTS: Mapping[FeedbackKind, float] = {"click": 1.0, "add_to_cart": 3.0, "purchase": 6.0}
"""As the RecSys dataset OTTO weighs clicks, carts and orders (0.1, 0.3, 0.6)."""
CONVERSION_CLICKS = 20.0
MIN_IMPRESSIONS = 20
SHARES = (0.25, 0.5, 0.75)
"""Of the best product's worth, from which on a product has grade 1, 2 and 3."""
NOT_JUDGED = -1


@dataclass(frozen=True)
class ClickJudgments:
    """Of every pair [P]: impressions, events by kind, worth, and the grade (`NOT_JUDGED` for too few impressions)."""

    impressions: Floats
    events: Mapping[FeedbackKind, Floats]
    worth: Floats
    grade: NDArray[np.int64]
    needed: int | None
    """About how many impressions make the interval of a product as narrow as one grade; None without judgments."""

    @property
    def judged(self) -> NDArray[np.bool_]:
        """[P]: which pairs have a grade."""
        return np.asarray(self.grade != NOT_JUDGED)


def judge(
    log: ClickLog,
    found: Attractiveness,
    *,
    weights: Mapping[FeedbackKind, float] = WEIGHTS,
    min_impressions: int = MIN_IMPRESSIONS,
) -> ClickJudgments:
    """Grade every pair that was shown often enough, in queries with at least one click on such a pair."""
    impressions, clicks = log.by_pair(), log.by_pair(log.clicked)
    events = {kind: log.by_pair(log.had(kind)) for kind in FEEDBACK_KINDS}
    events["click"] = clicks
    worth = found.value * _value_of_click(clicks, events, weights)
    enough = impressions >= max(1, min_impressions)
    clicked_queries = np.bincount(log.pair_query, clicks * enough, minlength=len(log.queries)) > 0
    judged = enough & clicked_queries[log.pair_query]
    grade = _grades(worth, log, judged, impressions)
    return ClickJudgments(impressions, events, worth, grade, _needed(found, log, impressions, judged))


def _needed(found: Attractiveness, log: ClickLog, impressions: Floats, judged: NDArray[np.bool_]) -> int | None:
    """By the square root law, in the median of the judged pairs."""
    if not judged.any():
        return None
    best = np.zeros(len(log.queries))
    np.maximum.at(best, log.pair_query[judged], found.value[judged])
    widths = (found.high - found.low)[judged] / np.maximum(best[log.pair_query[judged]], 1e-12)
    return int(np.ceil(np.median(impressions[judged] * (widths / SHARES[0]) ** 2)))


def _value_of_click(
    clicks: Floats, events: Mapping[FeedbackKind, Floats], weights: Mapping[FeedbackKind, float]
) -> Floats:
    value = np.full(len(clicks), weights["click"])
    for kind in ("add_to_cart", "purchase"):
        usual = events[kind].sum() / clicks.sum()
        value += weights[kind] * (events[kind] + CONVERSION_CLICKS * usual) / (clicks + CONVERSION_CLICKS)
    return value


def _grades(worth: Floats, log: ClickLog, judged: NDArray[np.bool_], impressions: Floats) -> NDArray[np.int64]:
    """By the share of what the best judged product of the query is worth. A query whose best is below what the log's
    products are worth on average is held against that average: its best need not be good.
    """
    grade = np.full(len(worth), NOT_JUDGED)
    if not judged.any():
        return grade
    best = np.full(len(log.queries), np.average(worth[judged], weights=impressions[judged]))
    np.maximum.at(best, log.pair_query[judged], worth[judged])
    shares = worth / np.maximum(best[log.pair_query], 1e-12)
    grade[judged] = np.searchsorted(SHARES, shares[judged], side="right")
    return grade
