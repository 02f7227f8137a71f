"""What `withthis doctor` finds out about a model server: that it answers, and that it has the model."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rerank.engines.openai_compatible import ChatClient
from service.build import build_rerank, check_model_server, load_engine
from service.cli.doctor import CHECKS, examine
from service.errors import ConfigurationError
from service.search.reranking import engines
from service.search.reranking.engines import WithPrompts
from service.settings import Settings
from tests.integration.model_server import (
    Answer,
    ModelServer,
    deaf_listener,
    drips,
    floods,
    hangs,
    reply,
)
from tests.unit.rerank.fakes import FakeEngine

KEY = "sk-secret-0123456789"

pytestmark = pytest.mark.usefixtures("no_proxy")


def settings(url: str, model: str = "phi") -> Settings:
    chosen: dict[str, Any] = {"engine": "openai-compatible", "engine_url": url, "engine_model": model}
    return Settings(_env_file=None, engine_api_key=KEY, **chosen)


def offers(*names: object) -> Answer:
    """A list of models as servers write it."""
    return reply(content=json.dumps({"object": "list", "data": [{"id": name} for name in names]}).encode())


@pytest.mark.parametrize("names", [("phi",), ("other", "phi"), ("phi:latest",), (None, 3, "phi")])
def test_a_server_that_has_the_model_is_well(running: ModelServer, names: tuple[object, ...]) -> None:
    running.say(offers(*names))
    finding = examine("reranker", CHECKS["reranker"], settings(running.url))
    assert finding.well, finding.detail
    assert running.headers[0]["authorization"] == f"Bearer {KEY}"


def test_a_missing_model_is_named_beside_those_there_are(running: ModelServer) -> None:
    running.say(offers("llava", "qwen\x1b[31m", *("x" * 50 for _ in range(100))))
    with pytest.raises(ConfigurationError, match=r"does not offer .* llava, qwen") as caught:
        check_model_server(settings(running.url))
    assert "\x1b" not in caught.value.detail and len(caught.value.detail) < 500
    running.say(offers())
    with pytest.raises(ConfigurationError, match="It offers: none"):
        check_model_server(settings(running.url))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (reply(401, b'{"error": "sk-secret-0123456789 is wrong"}'), "another API key"),
        (reply(404, b"{}"), "no such URL"),
        (reply(429, b""), "overloaded"),
        (reply(503, b""), "overloaded"),
        (reply(500, b""), "failed"),
        (reply(200, b"<html>"), "not JSON"),
        (reply(200, b'{"data": null}'), "not a list of models"),
        (reply(200, b'["phi"]'), "not a list of models"),
        (floods, "longer than"),
        (hangs, "did not answer before the deadline"),
        (drips, "deadline"),
    ],
)
def test_anything_else_says_what_to_do(
    running: ModelServer, monkeypatch: pytest.MonkeyPatch, answer: Answer, words: str
) -> None:
    if answer in (hangs, drips):
        monkeypatch.setattr(engines, "PATIENCE_S", 0.2)
    running.say(answer)
    finding = examine("reranker", CHECKS["reranker"], settings(running.url))
    assert not finding.well
    assert words in finding.detail and "WITHTHIS_ENGINE_URL" in finding.detail
    assert KEY not in finding.detail


def test_a_server_that_is_not_there_is_told() -> None:
    with deaf_listener() as url, pytest.raises(ConfigurationError, match="Start it"):
        check_model_server(settings(url))


def test_other_engines_have_no_server_to_ask() -> None:
    check_model_server(Settings(_env_file=None, engine="starter"))


def test_closing_the_rerank_stage_closes_the_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[ChatClient] = []

    def close(client: ChatClient) -> None:
        closed.append(client)

    monkeypatch.setattr(ChatClient, "close", close)
    build_rerank(settings("http://127.0.0.1:9/v1")).close()
    assert len(closed) == 1
    WithPrompts(FakeEngine(), rank=None, caption=None).close()  # an engine that holds nothing open
    load_engine(settings("http://127.0.0.1:9/v1")).close()  # type: ignore[attr-defined]
    assert len(closed) == 2
