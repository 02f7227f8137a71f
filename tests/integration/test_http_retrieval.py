"""What a search may ask of retrieval, over HTTP: hybrid, weights, negative text, pages, facets, near-duplicates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from httpx import Response
from litestar.testing import TestClient

from service.stores.exact.exact_store import ExactStore
from tests.conftest import open_client
from tests.fakes import FakeEncoder, Shop, make_shop, png
from tests.integration.records import with_fields
from tests.integration.test_http_search import data_uri

Client = TestClient[Any]


def ask(client: Client, **body: object) -> Any:
    response = search(client, **body)
    assert response.status_code == 200, response.text
    return response.json()


def search(client: Client, **body: object) -> Response:
    response: Response = client.post("/v1/search", json={"text": "product 7", "rerank": {"enabled": False}, **body})
    return response


def ids(answer: Mapping[str, Any]) -> list[str]:
    return [result["product"]["id"] for result in answer["results"]]


def pages(client: Client, size: int, **body: object) -> list[Any]:
    answers = [ask(client, limit=size, **body)]
    while answers[-1]["next_cursor"]:
        answers.append(ask(client, limit=size, cursor=answers[-1]["next_cursor"], **body))
    return answers


def test_hybrid_search_says_where_each_product_comes_from(client: Client) -> None:
    answer = ask(client, hybrid={"enabled": True}, limit=100)
    first = answer["results"][0]
    assert first["product"]["id"] == "p7"
    assert first["scores"]["hybrid"] == {
        **{"fused": 1.0, "dense": 1.0, "lexical": 1.0, "dense_rank": 1, "lexical_rank": 1, "boost": None},
    }
    assert first["scores"]["retrieval"] == pytest.approx(1, abs=1e-5)
    without = ask(client, limit=100, hybrid={"enabled": False})
    assert sorted(ids(answer)) == sorted(ids(without))
    assert without["results"][0]["scores"]["hybrid"] is None


def test_min_score_is_about_the_cosine_in_hybrid_search_too(client: Client) -> None:
    answer = ask(client, hybrid={"enabled": True, "lexical_weight": 1.0}, min_score=0.2, limit=100)
    scores = [result["scores"]["retrieval"] for result in answer["results"]]
    everything = ask(client, limit=100)["results"]
    assert len(scores) == sum(result["scores"]["retrieval"] >= 0.2 for result in everything) and min(scores) >= 0.2


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"filter": {"category": {"eq": "mug"}}},
        {"min_score": 0.0},
        {"text": "product 1 without cap"},
        {"image": {"product_id": "p3"}},
        {"facets": ["category", "price"]},
        {"facets": ["category"], "filter": {"category": {"eq": "cap"}}},
    ],
    ids=str,
)
def test_few_products_are_the_first_of_many_whatever_was_looked_at(client: Client, more: dict[str, Any]) -> None:
    """A small page looks at few products: their order, facets and next page are those of a large one."""
    many = ask(client, limit=100, **more)
    assert many["next_cursor"] is None
    for limit in (1, 2, 5):
        few = ask(client, limit=limit, **more)
        assert ids(few) == ids(many)[:limit] and few["facets"] == many["facets"]
        assert [one["scores"]["hybrid"]["fused"] for one in few["results"]] == pytest.approx(
            [one["scores"]["hybrid"]["fused"] for one in many["results"]][:limit]
        )
        assert (few["next_cursor"] is None) == (len(many["results"]) <= limit)
        rest = ask(client, limit=100, cursor=few["next_cursor"], **more) if few["next_cursor"] else {"results": []}
        assert sorted(ids(few) + ids(rest)) == sorted(ids(many))


def test_reranking_of_a_hybrid_search_is_fused_with_its_own_order(client: Client) -> None:
    options = {"enabled": True, "lexical_weight": 1.0}
    before = ids(ask(client, text="product 3 or 7 or 11", hybrid=options))
    after = ask(client, text="product 3 or 7 or 11", hybrid=options, rerank={"enabled": True, "fusion_weight": 0.0})
    assert ids(after) == before


def test_hybrid_search_is_the_default_of_every_query_that_has_words(client: Client) -> None:
    image = {"image": {"data": data_uri(png())}}
    asked: list[dict[str, Any]] = [{}, image, {"hybrid": {}}, {"hybrid": {"enabled": None}}]
    for body in [*asked, {"hybrid": {"lexical_weight": 0.7}}]:
        assert ask(client, **body)["results"][0]["scores"]["hybrid"] is not None
    without: list[dict[str, Any]] = [{"hybrid": {"enabled": False}}, {"text": "!?"}, {**image, "text": None}]
    for body in without:
        assert ask(client, **body)["results"][0]["scores"]["hybrid"] is None
    for hybrid in ({}, {"lexical_weight": 0.7}):
        assert search(client, **image, text=" ", hybrid=hybrid).status_code == 400


def test_an_option_of_hybrid_search_asks_for_it(tmp_path: Path) -> None:
    with open_client(make_shop(tmp_path, hybrid_enabled=False)) as client:
        assert ask(client)["results"][0]["scores"]["hybrid"] is None
        dense = ids(ask(client, text="product 3 or 7"))
        for hybrid in ({}, {"lexical_weight": 0.7}, {"enabled": True}):
            assert ask(client, hybrid=hybrid)["results"][0]["scores"]["hybrid"] is not None
        assert ids(ask(client, text="product 3 or 7", hybrid={"lexical_weight": 0.0})) == dense
        assert ids(ask(client, text="product 3 or 7", hybrid={"lexical_weight": 1.0}))[:2] in (
            ["p3", "p7"],
            ["p7", "p3"],
        )


def test_words_that_cannot_be_searched_are_503_where_asked_for_and_left_out_where_not(tmp_path: Path) -> None:
    with open_client(make_shop(tmp_path, lexical_max_products=0)) as client:
        response = search(client, hybrid={"enabled": True})
        assert (response.status_code, response.json()["type"]) == (503, "urn:withthis:problem:title-search-unavailable")
        assert ask(client)["results"][0]["scores"]["hybrid"] is None


def test_words_follow_every_write(client: Client) -> None:
    def found(text: str) -> list[str]:
        results = ask(client, text=text, hybrid={"lexical_weight": 1.0})["results"]
        return [each["product"]["id"] for each in results if each["scores"]["hybrid"]["lexical_rank"]]

    assert found("octopus") == []
    product = {"id": "new", "title": "Octopus mug", "images": [{"data": data_uri(png("teal"))}]}
    assert client.put("/v1/products", json=product).status_code == 200
    assert found("octopus mug")[0] == "new"
    assert (
        client.patch("/v1/products/new", json={"title": "Squid mug", "attributes": {"sku": "SQ-99"}}).status_code == 200
    )
    assert (found("octopus"), found("squid"), found("sq-99")) == ([], ["new"], ["new"])
    assert client.delete("/v1/products/new").status_code in (200, 204)
    assert found("squid") == []


def test_a_negative_text_moves_the_query(client: Client) -> None:
    plain = ask(client, limit=100)
    moved = ask(client, negative_text="product 7", negative_weight=0.9, limit=100)
    assert ids(moved) == ids(plain)  # the same direction is left, only shorter, and made a unit again
    away = ask(client, negative_text="product 3", negative_weight=1.0, limit=100)
    assert ids(away)[-1] == "p3" and ids(away)[0] != "p3"
    assert ask(client, negative_text="  ", limit=100)["results"] == plain["results"]


def test_weights_are_refused_by_encoders_that_cannot_weigh(client: Client) -> None:
    response = search(client, image={"data": data_uri(png())}, weights={"text": 2.0})
    assert response.status_code == 400 and "cannot weigh" in response.json()["detail"]


def test_weights_reach_an_encoder_that_can(shop: Shop) -> None:
    class Weighing(FakeEncoder):
        info = replace(FakeEncoder.info, weighs_parts=True)

    shop.parts.encoder = shop.parts.pipeline._retriever._encoder = encoder = Weighing()
    with open_client(shop) as client:
        ask(client, image={"data": data_uri(png())}, weights={"text": 1, "image": 3})
    assert encoder.seen[-1].text_share == 0.25


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"hybrid": {"enabled": True}},
        {"facets": ["category"]},
        {"collapse": {}},
        {"group_by": {"field": "price_class"}},
        {"image": {"product_id": "p3"}},
    ],
)
def test_pages_hold_every_product_once_and_ranks_go_on(client: Client, body: dict[str, Any]) -> None:
    answers = pages(client, 7, **body)
    results = [result for answer in answers for result in answer["results"]]
    assert [result["rank"] for result in results] == list(range(1, len(results) + 1))
    assert [result["retrieval_rank"] for result in results] == [result["rank"] for result in results]
    assert [result["product"]["id"] for result in results] == ids(ask(client, limit=100, **body))
    assert len(answers) == 3 and answers[-1]["next_cursor"] is None


def test_only_the_first_page_is_reranked(client: Client) -> None:
    first = ask(client, limit=5, rerank={"enabled": True})
    second = ask(client, limit=5, rerank={"enabled": True}, cursor=first["next_cursor"])
    assert first["rerank"]["applied"] is True and second["rerank"]["applied"] is False
    retrieved = ids(ask(client, limit=100))
    assert ids(second) == [id for id in retrieved if id not in ids(first)][:5]
    for result in (*first["results"], *second["results"]):
        assert retrieved[result["retrieval_rank"] - 1] == result["product"]["id"]
    assert [result["rank"] for result in second["results"]] == [6, 7, 8, 9, 10]
    required = search(client, limit=5, rerank={"require": True}, cursor=first["next_cursor"])
    assert required.status_code == 400 and "first page" in required.json()["detail"]


@pytest.mark.parametrize(
    "change",
    [
        {"text": "product 8"},
        {"filter": {"category": {"eq": "mug"}}},
        {"min_score": 0.1},
        {"hybrid": {"enabled": False}},
        {"negative_text": "red"},
        {"collapse": {}},
        {"group_by": {"field": "colour"}},
        {"diversity": {}},
        {"image": {"product_id": "p3"}},
        {"image": {"data": data_uri(png())}},
    ],
)
def test_a_cursor_belongs_to_one_query(client: Client, change: dict[str, Any]) -> None:
    cursor = ask(client, limit=3)["next_cursor"]
    assert search(client, limit=5, cursor=cursor, facets=["category"]).status_code == 200
    response = search(client, limit=3, cursor=cursor, **change)
    assert response.status_code == 400 and "another search" in response.json()["detail"]
    assert search(client, cursor=cursor[:-4]).status_code == 400
    assert search(client, cursor="nonsense").status_code == 400


@pytest.mark.parametrize("sizes", [(8, 2), (5, 5), (10,), (3, 3, 3, 1)])
def test_paging_ends_with_the_window_and_says_so(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    with open_client(make_shop(tmp_path, search_window=10, max_limit=10)) as client:
        page = ask(client, limit=sizes[0])
        for size in sizes[1:]:
            page = ask(client, limit=sizes[0], cursor=page["next_cursor"])
            assert len(page["results"]) == size
        assert page["next_cursor"] is None, "what follows is behind the window"


def test_a_cursor_of_a_wider_window_ends_with_a_word_of_it(tmp_path: Path) -> None:
    with open_client(make_shop(tmp_path / "wide", search_window=20, max_limit=10)) as client:
        beyond = ask(client, limit=10)["next_cursor"]
    with open_client(make_shop(tmp_path, search_window=10, max_limit=10)) as client:
        response = search(client, limit=8, cursor=beyond)
        assert response.status_code == 400 and "ends after 10 products" in response.json()["detail"]
        only = ask(client, limit=8, filter={"category": {"eq": "mug"}})
        assert (
            ask(client, limit=8, filter={"category": {"eq": "mug"}}, cursor=only["next_cursor"])["next_cursor"] is None
        )


def test_near_duplicates_are_shown_once_and_named(shop: Shop, client: Client) -> None:
    original = shop.store.get("p7")[0]
    shop.store.upsert([with_fields(replace(original, id="copy#0"), id="copy", title="The same again")])
    before = ask(client, limit=100)
    answer = ask(client, limit=100, collapse={"threshold": 1.0})
    assert ids(answer) == [id for id in ids(before) if id != ids(before)[1]]
    [duplicate] = answer["results"][0]["duplicates"]
    assert duplicate["product_id"] == ids(before)[1] and duplicate["same_picture"] is True
    assert ids(ask(client, limit=100, collapse={"near_duplicates": False})) == ids(before)


@pytest.mark.parametrize(
    "body",
    [
        {"hybrid": {"lexical_weight": 1.1}},
        {"weights": {"text": -1}},
        {"weights": {"text": 1}},
        {"negative_weight": 2},
        {"negative_text": "x" * 2001},
        {"collapse": {"threshold": 0}},
        {"facets": ["title"]},
        {"facets": [{"field": "price", "ranges": 0}]},
        {"facets": [{"field": "price", "ranges": [2, 1]}]},
        {"facets": [{"field": "price", "ranges": []}]},
        {"facets": [{"field": "price", "ranges": 2}, "price"]},
        {"group_by": {"field": "price"}},
        {"group_by": {"field": "colour", "size": -1}},
        {"diversity": {"lambda": 1.1}},
        {"diversity": {"lambda": 0.5}, "sort": [{"field": "price"}]},
        {"facets": [f"x{n}" for n in range(17)]},
        {"facets": [""]},
        {"cursor": ""},
        {"cursor": "x" * 20_000},
    ],
)
def test_values_that_are_not_allowed(client: Client, body: dict[str, Any]) -> None:
    response = search(client, **body)
    assert response.status_code == 400, response.text
    assert response.json()["type"] == "urn:withthis:problem:invalid-value"


@pytest.mark.parametrize("condition", ["price", "attributes.size"])
@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("1" + "0" * 309, "Must be at most 9007199254740991."),
        ("-1" + "0" * 4000, "Must be at least -9007199254740991."),
        ("9007199254740992", "Must be at most 9007199254740991."),
        ("9223372036854775807", "Must be at most 9007199254740991."),
        ("1e400", "Must be at most 9007199254740991."),
    ],
    ids=lambda value: value[:20],
)
def test_numbers_that_no_store_compares_exactly_are_refused_in_words(
    client: Client, condition: str, number: str, words: str
) -> None:
    for operator, value in (("lte", number), ("eq", number), ("in", f"[1, {number}]")):
        body = f'{{"text": "mug", "filter": {{"{condition}": {{"{operator}": {value}}}}}}}'
        response = client.post("/v1/search", content=body, headers={"content-type": "application/json"})
        [error] = response.json()["errors"]
        assert response.status_code == 400 and error["detail"] == words
        assert error["pointer"].startswith(f"/filter/{condition}/{operator}")
    assert client.get("/v1/products", params={"filter": f'{{"{condition}": {{"gt": {number}}}}}'}).status_code == 400


def test_a_filter_of_another_type_than_the_attribute_says_so(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    store = ExactStore()
    store.ensure(shop.encoder.info)
    store.upsert([with_fields(row, attributes={"in_stock": "true"}) for row in shop.store.rows.values()])
    shop.parts.store = shop.parts.pipeline._retriever._store = shop.parts.words._store = store
    with open_client(shop) as client:
        answer = ask(client, filter={"attributes.in_stock": {"eq": True}})
        assert answer["results"] == []
        assert answer["notices"] == [
            "filter: the attribute 'in_stock' is a text, and is compared with true or false, which never match."
        ]
        assert ask(client, filter={"attributes.in_stock": {"eq": "true"}})["notices"] == []


def test_all_together_over_a_real_store(tmp_path: Path) -> None:
    """Every option at once, over a store that really searches titles."""
    shop = make_shop(tmp_path)
    store = ExactStore()
    store.ensure(shop.encoder.info)
    store.upsert([shop.store.rows[id] for id in shop.store.rows])
    shop.parts.store = shop.parts.pipeline._retriever._store = shop.parts.words._store = store
    body = {
        "hybrid": {"enabled": True},
        "negative_text": "product 3",
        "collapse": {},
        "facets": ["category"],
        "filter": {"attributes.colour": {"exists": True}},
    }
    with open_client(shop) as client:
        answers = pages(client, 6, **body)
        assert sorted(id for answer in answers for id in ids(answer)) == sorted(f"p{number}" for number in range(20))
        assert answers[0]["results"][0]["scores"]["hybrid"]["lexical_rank"] == 1
        assert search(client, filter={"attributes.colour": {"exists": False}}).json()["results"] == []


def test_a_text_share_is_no_part_of_a_query_without_weights(shop: Shop, client: Client) -> None:
    ask(client, image={"data": data_uri(png())})
    seen = shop.encoder.seen[-1]
    assert (seen.text, seen.image is not None, seen.text_share) == ("product 7", True, None)
