"""Roles, instructions and smaller dimensions, from the routes to the encoder."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from service.encoders.encoder import EncoderInfo
from tests.fakes import DIMENSION, FakeEncoder, Shop

Client = TestClient[Litestar]
IMAGELESS = {"text": "a mug", "hybrid": {"enabled": False}}


def with_facts(monkeypatch: pytest.MonkeyPatch, **facts: Any) -> EncoderInfo:
    """The encoder says more of itself."""
    info = replace(FakeEncoder.info, **facts)
    monkeypatch.setattr(FakeEncoder, "info", info)
    return info


def post(client: Client, route: str, body: dict[str, Any]) -> Any:
    response = client.post(route, json=body)
    assert response.status_code == 200, response.text
    return response.json()


@pytest.mark.parametrize(
    ("said", "role"),
    [
        ({}, "query"),
        ({"role": "document"}, "document"),
        ({"input_type": "search_query"}, "query"),
        ({"input_type": "search_document"}, "document"),
        ({"input_type": "passage"}, "document"),
        ({"input_type": "classification"}, "query"),
        ({"task": "retrieval.passage"}, "document"),
        ({"task": "retrieval.query"}, "query"),
        ({"task_type": "RETRIEVAL_DOCUMENT"}, "document"),
        ({"prompt_name": "document"}, "document"),
        ({"prompt_name": "query"}, "query"),
        ({"input_type": None}, "query"),
    ],
)
def test_clients_say_what_an_input_is_for(client: Client, shop: Shop, said: dict[str, Any], role: str) -> None:
    post(client, "/v1/embeddings", {"input": ["a mug", "a cap"], **said})
    assert [query.role for query in shop.encoder.seen] == [role] * 2


def test_other_dialects_say_it_too(client: Client, shop: Shop) -> None:
    post(client, "/v2/embed", {"texts": ["a mug"], "input_type": "search_document", "embedding_types": ["float"]})
    post(client, "/embed", {"inputs": "a mug", "prompt_name": "document"})
    assert [query.role for query in shop.encoder.seen] == ["document"] * 2


def test_two_words_for_a_role_are_one_too_many(client: Client) -> None:
    response = client.post("/v1/embeddings", json={"input": "a", "input_type": "query", "task": "retrieval.query"})
    assert response.status_code == 400 and "/task" in response.text


def test_an_instruction_reaches_an_encoder_that_takes_one(
    client: Client, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"input": "a mug", "instruction": "Find the product."}
    refused = client.post("/v1/embeddings", json=body)
    assert refused.status_code == 400 and refused.json()["errors"][0]["pointer"] == "/instruction"
    with_facts(monkeypatch, instructable=True)
    post(client, "/v1/embeddings", body)
    post(client, "/v1/search", {**IMAGELESS, "instruction": "Find the product."})
    assert [query.instruction for query in shop.encoder.seen] == ["Find the product."] * 2
    assert shop.strategy.calls[-1][0].instruction == "Find the product."


def test_an_instruction_that_no_model_takes_is_refused(client: Client, shop: Shop) -> None:
    body = {**IMAGELESS, "instruction": "Find the product."}
    post(client, "/v1/search", body)  # the reranker takes it
    shop.strategy.instructable = False
    for more in ({}, {"rerank": {"enabled": False}}):
        refused = client.post("/v1/search", json=body | more)
        assert refused.status_code == 400 and refused.json()["errors"][0]["pointer"] == "/instruction"
    too_long = client.post("/v1/search", json={**IMAGELESS, "instruction": "x" * 2001})
    assert too_long.status_code == 400


def test_pages_go_on_under_the_same_instruction(client: Client) -> None:
    body = {**IMAGELESS, "instruction": "Find the product.", "limit": 5}
    first = post(client, "/v1/search", body)
    second = post(client, "/v1/search", {**body, "cursor": first["next_cursor"]})
    ids = {result["product"]["id"] for page in (first, second) for result in page["results"]}
    assert len(ids) == 10
    other = client.post("/v1/search", json={**body, "instruction": "Another.", "cursor": first["next_cursor"]})
    assert other.status_code == 400


def test_fewer_dimensions_are_cut_and_normalized_again(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with_facts(monkeypatch, matryoshka=(4, 2))
    whole = np.array([one["embedding"] for one in post(client, "/v1/embeddings", {"input": ["a", "b"]})["data"]])
    for more in ({"dimensions": 4}, {"output_dimension": 4}):
        short = post(client, "/v1/embeddings", {"input": ["a", "b"], **more})["data"]
        cut = whole[:, :4] / np.linalg.norm(whole[:, :4], axis=1, keepdims=True)
        assert np.allclose([one["embedding"] for one in short], cut, atol=1e-6)
    tei = post(client, "/embed", {"inputs": "a", "dimensions": 2})
    assert np.allclose(tei[0], whole[0, :2] / np.linalg.norm(whole[0, :2]), atol=1e-6)
    refused = client.post("/v1/embeddings", json={"input": "a", "dimensions": 3})
    assert refused.status_code == 400 and f"{DIMENSION} dimensions, or 2, 4 of them" in refused.json()["detail"]
