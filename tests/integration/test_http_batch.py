"""`POST /v1/search/batch`: an outcome for each search, and no other caller's slot."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from httpx import Response
from litestar.testing import TestClient

from rerank.query import Query
from service.client import Client as ShopClient
from service.encoders.encoder import Embeddings
from service.server.bulkheads import BATCH_WIDTH
from service.wire.limits import MAX_BATCH_SEARCHES
from tests.conftest import open_client
from tests.contract.test_errors import assert_problem
from tests.fakes import FakeEncoder, Shop, make_shop, png
from tests.integration.live import live
from tests.integration.test_clients_gone import UntilGone, ask, sample, until
from tests.integration.test_http_retrieval import ids
from tests.integration.test_http_search import data_uri, search

Client = TestClient[Any]
PLAIN = {"rerank": {"enabled": False}}


@pytest.fixture
def let_go() -> Iterator[threading.Event]:
    """What hangs goes on once this is set."""
    event = threading.Event()
    yield event
    event.set()


def send(client: Client, *searches: object) -> Response:
    response: Response = client.post("/v1/search/batch", json={"searches": searches})
    return response


def outcomes(client: Client, *searches: object) -> list[Any]:
    response = send(client, *searches)
    assert response.status_code == 200, response.text
    found: list[Any] = response.json()["outcomes"]
    assert len(found) == len(searches)
    return found


def test_each_search_has_the_outcome_that_it_has_by_itself(client: Client) -> None:
    searches: list[dict[str, Any]] = [
        {"text": "a mug", "limit": 3},
        {"text": "a mug", "limits": 3},
        {"image": {"product_id": "nobody"}},
        {"text": "this", "image": {"data": data_uri(png()), "crop": {"x": 0, "y": 0, "width": 0.5, "height": 1}}},
        {"image": {"data": data_uri(b"no image")}},
        {},
        {"text": "a", "limit": 10_000},
        {"text": "product 7", **PLAIN},
        {"text": "a", "rerank": {"require": True, "enabled": False}},
    ]
    alone = [search(client, **one) for one in searches]
    assert [response.status_code for response in alone] == [200, 400, 404, 200, 422, 400, 400, 200, 400]
    found = outcomes(client, *searches)
    assert [one["status"] for one in found] == [response.status_code for response in alone]
    for outcome, response in zip(found, alone, strict=True):
        if outcome["status"] == 200:
            assert outcome["error"] is None and outcome["answer"]["results"] == response.json()["results"]
            assert outcome["answer"]["rerank"] == response.json()["rerank"]
        else:
            assert outcome["answer"] is None and outcome["error"]["type"] == response.json()["type"]
            assert outcome["error"]["detail"] == response.json()["detail"]
    wrong = outcomes(client, 7, "a mug", None, [])
    assert [one["status"] for one in wrong] == [400] * 4


def test_outcomes_are_in_the_order_of_the_searches(client: Client) -> None:
    searches = [{"text": f"product {number}", "limit": 2, **PLAIN} for number in range(4)]
    expected = {
        search["text"]: ids(one["answer"]) for search, one in zip(searches, outcomes(client, *searches), strict=True)
    }
    assert len({tuple(found) for found in expected.values()}) == 4
    for order in itertools.permutations(searches):
        assert [ids(one["answer"]) for one in outcomes(client, *order)] == [expected[one["text"]] for one in order]


def test_what_is_not_a_list_of_searches_is_refused(client: Client) -> None:
    for searches in ([], [{"text": "a"}] * (MAX_BATCH_SEARCHES + 1)):
        response = send(client, *searches)
        assert response.status_code == 400
        assert_problem(response)
    bodies: list[Any] = [{}, {"searches": {}}, {"searches": [{"text": "a"}], "more": 1}, []]
    for body in bodies:
        assert client.post("/v1/search/batch", json=body).status_code == 400
    form = client.post("/v1/search/batch", files={"image": ("q.png", png(), "image/png")})
    assert form.status_code == 415


def test_searches_reach_the_encoder_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = make_shop(tmp_path)
    together, encode = threading.Barrier(BATCH_WIDTH), FakeEncoder.encode

    def wait_for_company(encoder: FakeEncoder, queries: Sequence[Query]) -> Embeddings:
        together.wait(30)  # a broken barrier is an error, and then the statuses below are others
        return encode(encoder, queries)

    monkeypatch.setattr(FakeEncoder, "encode", wait_for_company)
    with open_client(shop) as client:
        searches = [{"text": f"product {number}", **PLAIN} for number in range(2 * BATCH_WIDTH)]
        assert [one["status"] for one in outcomes(client, *searches)] == [200] * len(searches)


def test_a_batch_whose_model_hangs_holds_one_place_before_the_model(tmp_path: Path, let_go: threading.Event) -> None:
    shop = make_shop(tmp_path, search_concurrency=1, search_queue=0, rerank_concurrency=2, rerank_queue=8)
    shop.strategy.block = let_go
    with live(shop) as url, httpx.Client(timeout=60) as http:

        def in_use(bulkhead: str) -> float:
            return sample(url, f'withthis_slots_in_use{{bulkhead="{bulkhead}"}} ')

        found: list[Any] = []
        body = {"searches": [{"text": f"product {number}"} for number in range(MAX_BATCH_SEARCHES)]}
        batch = threading.Thread(
            target=lambda: found.extend(http.post(f"{url}/v1/search/batch", json=body).json()["outcomes"])
        )
        batch.start()
        until(lambda: len(shop.strategy.calls) == 1 and len(shop.encoder.seen) == MAX_BATCH_SEARCHES)
        assert (in_use("batch"), in_use("rerank"), in_use("search"), in_use("reranked")) == (1, 1, 0, 0)
        assert http.post(f"{url}/v1/search", json={"text": "a mug", **PLAIN}).status_code == 200
        shop.strategy.block = None
        assert http.post(f"{url}/v1/search", json={"text": "a mug"}).json()["rerank"]["applied"]
        assert batch.is_alive()
        let_go.set()
        batch.join(60)
        assert [one["answer"]["rerank"]["applied"] for one in found] == [True] * MAX_BATCH_SEARCHES


def test_a_batch_whose_client_left_ends(shop: Shop) -> None:
    shop.encoder.block = UntilGone()
    searches = [{"text": f"product {number}"} for number in range(MAX_BATCH_SEARCHES)]
    with live(shop) as url:
        at_work = ask(url, "/v1/search/batch", {"searches": searches})
        until(lambda: len(shop.encoder.seen) == BATCH_WIDTH)
        at_work.close()
        gone = 'withthis_requests_total{method="POST",route="/v1/search/batch",status="499"} '
        until(lambda: sample(url, gone) == 1)
        assert sample(url, 'withthis_slots_in_use{bulkhead="batch"} ') == 0
    assert len(shop.encoder.seen) == BATCH_WIDTH, "what nobody waits for is not worked on"
    assert shop.strategy.calls == []


def test_a_deadline_is_that_of_its_search(client: Client, shop: Shop, let_go: threading.Event) -> None:
    shop.strategy.block = let_go
    late = {"text": "a mug", "rerank": {"deadline_ms": 500}}
    required = {"text": "a mug", "rerank": {"deadline_ms": 500, "require": True}}
    slow, refused, plain = outcomes(client, late, required, {"text": "a mug", **PLAIN})
    assert slow["answer"]["rerank"]["degraded"] in ("rerank_timeout", "rerank_overloaded")
    assert len(slow["answer"]["results"]) == 9
    assert (refused["status"], plain["status"]) == (503, 200)


def test_each_search_counts_where_requests_are_limited(tmp_path: Path) -> None:
    with open_client(make_shop(tmp_path, rate_limit_per_minute=5)) as client:
        found = outcomes(client, *[{"text": "a mug", **PLAIN}] * 8)
        assert [one["status"] for one in found] == [200] * 5 + [429] * 3
        assert found[-1]["error"]["type"].endswith(":rate-limited")
        assert send(client, {"text": "a mug"}).status_code == 429


def test_the_client_sends_a_batch(shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "query.png"
    file.write_bytes(png())
    with live(shop) as url, ShopClient(url) as client:
        query: dict[str, Any] = {"text": "a mug with this", "image": file, "rerank": False}
        alone = client.search(**query)
        found = client.search_batch([query, {"image": {"product_id": "nobody"}}]).outcomes
        assert found[0].answer is not None and found[0].answer.results == alone.results
        assert (found[1].status, found[1].answer) == (404, None) and found[1].error is not None
        with pytest.raises(TypeError, match="limits"):
            client.search_batch([{"text": "a", "limits": 3}])
