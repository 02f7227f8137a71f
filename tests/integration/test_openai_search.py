"""Searches of a service whose engine is OpenAI-compatible."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from rerank.strategies.listwise import ListwiseStrategy
from tests.conftest import open_client
from tests.fakes import make_shop
from tests.integration.model_server import (
    HTML,
    Answer,
    ModelServer,
    deaf_listener,
    hangs,
    reply,
    says,
)
from tests.integration.openai_engine import PROMPTS, engine

pytestmark = pytest.mark.usefixtures("no_proxy")


def test_through_the_service_a_dead_engine_costs_the_reranking_and_no_product(tmp_path: Path) -> None:
    with deaf_listener() as url, closing(engine(url, retries=1)) as opened:
        shop = make_shop(tmp_path, strategy=ListwiseStrategy(opened, PROMPTS))
        with open_client(shop) as client:
            answer = client.post("/v1/search", json={"text": "a mug", "limit": 12})
            required = client.post("/v1/search", json={"text": "a mug", "rerank": {"require": True}})
    assert answer.status_code == 200
    assert [result["retrieval_rank"] for result in answer.json()["results"]] == list(range(1, 13))
    provenance = answer.json()["rerank"]
    assert (provenance["applied"], provenance["fault"], provenance["degraded"]) == (
        False,
        "backend_error",
        "rerank_error",
    )
    assert required.status_code == 503
    assert required.json()["type"] == "urn:withthis:problem:rerank-required"


@pytest.mark.parametrize(
    ("answer", "degraded", "fault"),
    [
        (hangs, "rerank_timeout", "timeout"),
        (reply(429, b"", Retry_After="60"), "rerank_overloaded", "backend_error"),
        (reply(500, HTML), "rerank_error", "backend_error"),
        (says("I cannot do that."), "rerank_unusable", "refusal"),
    ],
)
def test_through_the_service_every_fault_has_its_reason(
    running: ModelServer, tmp_path: Path, answer: Answer, degraded: str, fault: str
) -> None:
    running.say(answer)
    options = {"deadline_ms": 1000 if answer is hangs else 20_000}
    with closing(engine(running.url)) as opened:
        shop = make_shop(tmp_path, strategy=ListwiseStrategy(opened, PROMPTS))
        with open_client(shop) as client:
            found = client.post("/v1/search", json={"text": "a mug", "rerank": options})
            required = client.post("/v1/search", json={"text": "a mug", "rerank": {**options, "require": True}})
    assert (found.status_code, required.status_code) == (200, 503)
    assert [result["retrieval_rank"] for result in found.json()["results"]] == list(range(1, 10))
    assert (found.json()["rerank"]["degraded"], found.json()["rerank"]["fault"]) == (degraded, fault)
    assert "sk-secret" not in found.text and "0x7f00" not in found.text


def test_through_the_service_the_order_is_the_models(running: ModelServer, tmp_path: Path) -> None:
    order = "IHGFEDCBA"
    running.say(says(json.dumps({"ranking": list(order), "reason": "turned around"})))
    with closing(engine(running.url)) as opened:
        shop = make_shop(tmp_path, strategy=ListwiseStrategy(opened, PROMPTS))
        with open_client(shop) as client:
            answer = client.post("/v1/search", json={"text": "a mug"}).json()
    assert [result["retrieval_rank"] for result in answer["results"]] == list(range(9, 0, -1))
    assert (answer["rerank"]["applied"], answer["rerank"]["reason"]) == (True, "turned around")
