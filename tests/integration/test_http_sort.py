"""`sort` over HTTP: the window sorted, page by page, with clear errors."""

from __future__ import annotations

from typing import Any

import pytest
from litestar.testing import TestClient

from tests.fakes import Shop
from tests.integration.test_http_retrieval import ask, ids, pages, search

Client = TestClient[Any]
BY_PRICE = [{"field": "price", "order": "desc"}]


def prices(answer: Any) -> list[float]:
    return [result["product"]["price"] for result in answer["results"]]


def test_the_best_matching_products_are_sorted_and_the_answer_says_how_many(client: Client) -> None:
    answer = ask(client, sort=BY_PRICE, limit=5)
    everything = ask(client, limit=100)
    assert prices(answer) == sorted(prices(everything), reverse=True)[:5]
    assert answer["sorted"] == {"window": 20, "complete": True} and everything["sorted"] is None
    by_id = {result["product"]["id"]: result["rank"] for result in everything["results"]}
    assert [by_id[result["product"]["id"]] for result in answer["results"]] == [
        result["retrieval_rank"] for result in answer["results"]
    ]


@pytest.mark.parametrize("size", [3, 7])
def test_pages_of_a_sorted_search_hold_every_product_once_in_order(client: Client, size: int) -> None:
    answers = pages(client, size, sort=BY_PRICE)
    found = [price for answer in answers for price in prices(answer)]
    assert found == sorted(found, reverse=True)
    assert len({id for answer in answers for id in ids(answer)}) == 20


def test_sorted_results_are_not_reranked(client: Client, shop: Shop) -> None:
    answer = ask(client, sort=BY_PRICE, rerank={"enabled": True})
    assert not answer["rerank"]["applied"] and not shop.strategy.calls
    assert prices(answer) == sorted(prices(answer), reverse=True)
    refused = search(client, sort=BY_PRICE, rerank={"require": True})
    assert refused.status_code == 400 and "sort" in refused.json()["detail"]


def test_a_cursor_belongs_to_its_sort(client: Client) -> None:
    cursor = ask(client, sort=BY_PRICE, limit=3)["next_cursor"]
    assert search(client, limit=3, cursor=cursor).status_code == 400


@pytest.mark.parametrize(
    ("sort", "pointer"),
    [
        ([{"field": "title"}], "/sort/0/field"),
        ([{"field": "price", "order": "down"}], "/sort/0/order"),
        ([{"order": "asc"}], "/sort/0/field"),
        ([{"field": "price", "by": 1}], "/sort/0/by"),
        ([{"field": "price"}] * 5, "/sort"),
        ("price", "/sort"),
    ],
)
def test_a_wrong_field_or_order_is_a_clear_400(client: Client, sort: object, pointer: str) -> None:
    response = search(client, sort=sort)
    assert response.status_code == 400
    assert pointer in [error["pointer"] for error in response.json()["errors"]]


def test_a_field_that_sorts_nothing_is_noticed(client: Client) -> None:
    answer = ask(client, sort=[{"field": "colr"}])
    assert any("colr" in notice for notice in answer["notices"])
    assert ids(answer) == ids(ask(client))
