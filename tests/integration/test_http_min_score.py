"""`rerank.min_score`: products that do not reach it are left out or marked, but not where the model did not answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rerank.degraded import Degraded
from rerank.ranking import Ranking
from tests.conftest import open_client
from tests.contract.test_errors import assert_problem
from tests.fakes import FakeStrategy, make_shop

SCORES = (0.1, 0.9, None, 0.5, 0.4)


def scored(n: int) -> Ranking:
    """The retrieval order of five candidates, by their scores."""
    known = SCORES[:n]
    order = sorted(range(n), key=lambda place: -(known[place] or 0.0))
    return Ranking(tuple(order), scores=known)


def search(folder: Path, *, behave: Callable[[int], Ranking] = scored, scale: Any = "absolute", **options: Any) -> Any:
    degraded = options.pop("degraded", None)
    body = {"text": "a mug", "limit": options.pop("limit", 9), "rerank": {"candidates": 5, **options}}
    strategy = FakeStrategy(behave=behave, scale=scale, degraded=degraded)
    with open_client(make_shop(folder, strategy=strategy)) as client:
        return client.post("/v1/search", json=body)


def test_products_below_it_are_left_out_and_so_are_those_that_were_not_scored(tmp_path: Path) -> None:
    body = search(tmp_path, min_score=0.5).json()
    assert [one["retrieval_rank"] for one in body["results"]] == [2, 4], "0.9 and 0.5; 0.5 reaches it"
    assert [one["rank"] for one in body["results"]] == [1, 2]
    assert body["rerank"]["dropped"] >= 7 and body["rerank"]["applied"] is True
    assert body["next_cursor"] is None, "later pages would bring them back"


def test_or_they_are_marked_and_the_answer_is_complete(tmp_path: Path) -> None:
    plain = search(tmp_path / "a").json()
    body = search(tmp_path / "b", min_score=0.5, below="mark").json()
    assert [one["product"]["id"] for one in body["results"]] == [one["product"]["id"] for one in plain["results"]]
    assert [one["below_min_score"] for one in body["results"]] == [False, False] + [True] * 7
    assert not any(one["below_min_score"] for one in plain["results"])
    assert body["rerank"]["dropped"] == plain["rerank"]["dropped"] == 0


def test_nothing_reaches_a_high_one(tmp_path: Path) -> None:
    assert search(tmp_path, min_score=1.0).json()["results"] == []


@pytest.mark.parametrize("below", ["drop", "mark"])
def test_where_the_model_gave_no_order_nothing_is_left_out(tmp_path: Path, below: str) -> None:
    body = search(tmp_path, behave=Ranking.identity, degraded=Degraded.TIMEOUT, min_score=0.9, below=below).json()
    assert [one["retrieval_rank"] for one in body["results"]] == list(range(1, 10))
    assert not any(one["below_min_score"] for one in body["results"])
    assert (body["rerank"]["degraded"], body["rerank"]["dropped"]) == ("rerank_timeout", 0)


def test_scores_that_depend_on_the_others_have_no_least_one(tmp_path: Path) -> None:
    response = search(tmp_path, scale="relative", min_score=0.5)
    assert_problem(response)
    assert response.status_code == 400 and "pointwise or reranker" in response.json()["detail"]


@pytest.mark.parametrize("wrong", [{"min_score": 1.5}, {"min_score": -0.1}, {"min_score": 0.5, "below": "hide"}])
def test_other_values_are_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    response = search(tmp_path, **wrong)
    assert_problem(response)
    assert response.status_code == 400
