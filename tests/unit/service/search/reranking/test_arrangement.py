"""A reranked search in another order: what belongs to a product moves with it, and a reason about another one goes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service.search.reranking.arrangement import Reranked, in_retrieval_order, rearranged
from service.search.rules.ruling import Ruling
from service.search.selection import Selection
from service.search.types import RerankReport
from service.wire.rules import RulesBody
from tests.integration.records import record


def reranked(teams: str = "") -> Reranked:
    found = in_retrieval_order([record(id).found(0.5) for id in "abc"], RerankReport(applied=True, reason="an a"))
    return replace(found, orders=replace(found.orders, teams=teams))


def pinning(id: str, position: int) -> Selection:
    rule = {"name": "pin", "pin": [{"product_id": id, "position": position}]}
    return Selection(ruling=Ruling(tuple(RulesBody.model_validate({"rules": [rule]}).rules)))


@pytest.mark.parametrize(
    ("id", "position", "order", "teams", "reason"),
    [("c", 1, "cab", "AAB", None), ("c", 2, "acb", "AAB", "an a"), ("a", 1, "abc", "ABA", "an a")],
)
def test_teams_follow_their_products_and_a_reason_stays_with_the_first(
    id: str, position: int, order: str, teams: str, reason: str | None
) -> None:
    found = rearranged(reranked("ABA"), pinning(id, position).order)
    assert "".join(one.hit.product_id for one in found.hits) == order
    assert (found.orders.teams, found.report.reason) == (teams, reason)


def test_what_is_below_the_least_score_does_not_come_back() -> None:
    found = reranked()
    found = replace(found, drops=True, hits=(*found.hits[:2], replace(found.hits[2], below_min_score=True)))
    after = rearranged(found, pinning("b", 1).order)
    assert [one.hit.product_id for one in after.kept] == ["b", "a"] and len(after.hits) == 3
