"""What an answer is shaped to over HTTP: facets, groups, variety."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from tests.conftest import open_client
from tests.fakes import Shop, make_shop, png
from tests.integration.test_http_retrieval import ask, ids, pages
from tests.integration.test_http_search import data_uri

Client = TestClient[Any]


def test_facets_count_the_window(client: Client) -> None:
    answer = ask(client, limit=2, facets=["category", "colour", "size"])
    plain: dict[str, Any] = {"other": 0, "stats": None, "ranges": []}
    assert answer["facets"] == {
        "window": 20,
        "complete": True,
        "counts": {
            "category": {
                "values": [{"value": "cap", "count": 10}, {"value": "mug", "count": 10}],
                "missing": 0,
                **plain,
            },
            "colour": {"values": [{"value": "red", "count": 20}], "missing": 0, **plain},
            "size": {"values": [], "missing": 20, **plain},
        },
    }
    assert ask(client)["facets"] is None


def test_prices_have_statistics_and_ranges_that_are_filters(client: Client) -> None:
    facet = {"field": "price", "ranges": [10, 20]}
    price = ask(client, facets=[facet])["facets"]["counts"]["price"]
    assert price["stats"] == {"count": 20, "min": 5.0, "max": 24.0, "mean": 14.5} and price["other"] == 0
    assert [found["count"] for found in price["ranges"]] == [5, 10, 5]
    for found in price["ranges"]:
        bounds = {name: bound for name, bound in found.items() if name != "count" and bound is not None}
        assert len(ask(client, limit=100, filter={"price": bounds})["results"]) == found["count"]


def test_all_that_match_are_counted_until_they_are_too_many(tmp_path: Path) -> None:
    with open_client(make_shop(tmp_path, search_window=15, max_limit=9, facet_max_products=20)) as client:

        def counted(**body: object) -> tuple[int, bool]:
            facets = ask(client, facets=["category"], **body)["facets"]
            assert sum(found["count"] for found in facets["counts"]["category"]["values"]) == facets["window"]
            return facets["window"], facets["complete"]

        assert counted() == (20, True) and counted(filter={"category": {"eq": "mug"}}) == (10, True)
        assert counted(min_score=-1.0) == (15, False), "how similar others are was not looked at"
        assert counted(image={"product_id": "p3"}) == (19, True), "without the query itself"
        assert counted(text="product 7, not a mug") == (10, True), "without what the text excludes"
        product = {"title": "One more", "category": "mug", "images": [{"data": data_uri(png("teal"))}]}
        assert client.put("/v1/products", json={"id": "more", **product}).status_code == 200
        assert counted() == (15, False), "one too many, and the counts of before are forgotten"
        assert client.delete("/v1/products/more").is_success and counted() == (20, True)


def test_a_group_is_one_result_with_the_others_inside(client: Client, shop: Shop) -> None:
    group_by = {"field": "category", "size": 3}
    answer = ask(client, group_by=group_by, limit=5)
    everything = ask(client, limit=100)["results"]
    assert answer["grouped"] == {"window": 20, "complete": True} and answer["next_cursor"] is None
    assert [result["group"]["value"] for result in answer["results"]] == ["cap", "mug"]
    for result in answer["results"]:
        same = [one["product"] for one in everything if one["product"]["category"] == result["group"]["value"]]
        assert result["group"]["count"] == 10
        assert [result["product"], *(one["product"] for one in result["group"]["members"])] == same[:4]
    assert ask(client)["grouped"] is None and all(result["group"] is None for result in everything)
    reranked = ask(client, group_by=group_by, rerank={"enabled": True})
    assert ids(reranked) == ids(answer)[::-1] and len(shop.strategy.calls[-1][1]) == 2, "those shown are reranked"
    assert [result["group"] for result in reranked["results"]] == [r["group"] for r in answer["results"]][::-1]
    cheap = ask(client, group_by={**group_by, "size": 0}, sort=[{"field": "price"}])
    assert ids(cheap) == ["p0", "p1"] and not cheap["results"][0]["group"]["members"]


@pytest.mark.parametrize("reranked", [True, False])
def test_variety_comes_after_reranking_and_loses_nothing(client: Client, reranked: bool) -> None:
    rerank = {"enabled": reranked, "candidates": 20}
    plain = ask(client, limit=20, rerank=rerank)
    assert ids(ask(client, limit=20, rerank=rerank, diversity={"lambda": 1.0})) == ids(plain)
    varied = ask(client, limit=20, rerank=rerank, diversity={"lambda": 0.3})
    assert ids(varied)[0] == ids(plain)[0] and ids(varied) != ids(plain)
    assert sorted(ids(varied)) == sorted(ids(plain))
    for page in [3, 7] if not reranked else [7]:
        answers = pages(client, page, rerank=rerank, diversity={"lambda": 0.3})
        found = [id for answer in answers for id in ids(answer)]
        assert sorted(found) == sorted(ids(plain)) and (reranked or found == ids(varied))


@pytest.mark.parametrize("bound", ["1e400", "NaN", '"1"', "true", "null"])
def test_bounds_that_are_no_numbers_are_refused(client: Client, bound: str) -> None:
    content = f'{{"text": "a", "facets": [{{"field": "price", "ranges": [{bound}]}}]}}'
    response = client.post("/v1/search", content=content, headers={"content-type": "application/json"})
    assert response.status_code == 400, response.text
