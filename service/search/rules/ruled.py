"""The rules of a search applied to its ranking."""

from __future__ import annotations

from dataclasses import replace

from service.search.reranking.arrangement import Reranked
from service.search.rules.ruling import Ruling


def ruled(reranked: Reranked, ruling: Ruling) -> Reranked:
    """The same hits in the order that the rules make of it, each with the team that picked it, if any.

    A reason is about the product that the model put first, so it is not shown if another one comes first.
    """
    kept = reranked.kept
    places = ruling.order([ranked.hit.product for ranked in kept])
    if places == list(range(len(kept))):
        return reranked
    left_out = tuple(ranked for ranked in reranked.hits if reranked.drops and ranked.below_min_score)
    teams, report = reranked.orders.teams, reranked.report
    return replace(
        reranked,
        hits=tuple(kept[place] for place in places) + left_out,
        orders=replace(reranked.orders, teams="".join(teams[place] for place in places) if teams else ""),
        report=report if places[0] == 0 else replace(report, reason=None),
    )
