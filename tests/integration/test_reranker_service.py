"""The strategy `reranker` in a service: settings, searches, documents, and a tiny Qwen3-VL reranker from end to end."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rerank.engines.engine import Engine
from rerank.prompts import PromptLibrary
from rerank.scorers.cross_encoder import CrossEncoderScorer
from rerank.strategies.reranker import RerankerStrategy
from service.build import build_rerank
from service.errors import ConfigurationError, InvalidValue
from service.search.types import RerankOptions
from service.settings import load_settings
from tests.conftest import open_client
from tests.contract.test_errors import assert_problem
from tests.fakes import FakeStrategy, make_shop
from tests.integration.model_server import ModelServer
from tests.unit.rerank.reranker_checkpoints import make_reranker
from tests.unit.rerank.test_reranker import FakeScorer

PROMPTS = PromptLibrary.load()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_reranker(tmp_path_factory.mktemp("reranker"))


@pytest.fixture(scope="module")
def client(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    strategy = RerankerStrategy(CrossEncoderScorer.load(str(folder)), PROMPTS)
    with open_client(make_shop(tmp_path_factory.mktemp("shop"), strategy=strategy)) as opened:
        yield opened


def test_a_search_is_ranked_by_the_model_and_complete(client: Any) -> None:
    body = {"text": "a mug", "limit": 9, "rerank": {"candidates": 9}}
    plain = client.post("/v1/search", json={**body, "rerank": {"enabled": False}}).json()["results"]
    found = client.post("/v1/search", json=body).json()
    assert sorted(one["product"]["id"] for one in found["results"]) == sorted(one["product"]["id"] for one in plain)
    scores = [one["scores"]["rerank"] for one in found["results"]]
    assert scores == sorted(scores, reverse=True) and len(set(scores)) > 1 and all(0 <= one <= 1 for one in scores)
    assert (found["rerank"]["applied"], found["rerank"]["degraded"]) == (True, None)
    assert (found["rerank"]["strategy"], found["rerank"]["prompt"]) == ("reranker", "reranker@1")
    assert found["query"]["caption"] is None, "no caption is made"


def test_documents_have_absolute_scores_that_follow_the_instruction(client: Any) -> None:
    body = {"query": "a mug", "documents": ["Red mug", "Cap", "Mug"]}
    usual, again = (client.post("/v1/rerank", json=body).json() for _ in range(2))
    told = client.post("/v1/rerank", json={**body, "instruction": "Prefer caps."}).json()
    also = client.post("/v1/rerank", json={**body, "instruct": "Prefer caps."}).json()
    assert usual["meta"]["scores"] == "absolute" and usual["results"] == again["results"]
    assert told["results"] == also["results"] != usual["results"]
    alone = client.post("/v1/score", json={"queries": "a mug", "documents": ["Red mug"]}).json()["data"][0]["score"]
    (first,) = [one["relevance_score"] for one in usual["results"] if one["index"] == 0]
    assert alone == pytest.approx(first, abs=1e-6)
    pairs = {"queries": ["a mug", "a cap"], "documents": ["Red mug", "Cap"]}
    scored = [client.post("/v1/score", json={**pairs, **more}).json()["data"] for more in ({}, {"instruct": "Caps."})]
    assert scored[0] != scored[1]


def test_a_thousand_documents_are_all_ranked(tmp_path: Path) -> None:
    worth = {f"document {place}": (place * 7919 % 1000) / 1000 for place in range(1000)}
    with open_client(make_shop(tmp_path, strategy=RerankerStrategy(FakeScorer(worth), PROMPTS))) as client:
        answer = client.post("/v1/rerank", json={"query": "a mug", "documents": list(worth)}).json()
    assert [one["index"] for one in answer["results"]] == sorted(range(1000), key=lambda place: -(place * 7919 % 1000))
    assert (answer["meta"]["fault"], answer["meta"]["repaired"]) == ("ok", [])


def test_long_documents_are_read_further_than_a_panel_shows(tmp_path: Path) -> None:
    documents = [("word " * 100).strip(), "word " * 2000]
    scorer = FakeScorer({documents[0]: 0.9})
    with open_client(make_shop(tmp_path, strategy=RerankerStrategy(scorer, PROMPTS))) as client:
        answer = client.post("/v1/rerank", json={"query": "a mug", "documents": documents}).json()
    assert answer["meta"]["truncated"] == [1]


def test_an_instruction_reaches_a_strategy_or_is_refused(tmp_path: Path) -> None:
    body = {"query": "a mug", "documents": ["Mug"], "instruction": "Prefer caps."}
    strategy = FakeStrategy()
    with open_client(make_shop(tmp_path / "a", strategy=strategy)) as client:
        assert client.post("/v1/rerank", json=body).status_code == 200
        assert strategy.calls[0][0].instruction == "Prefer caps."
    with open_client(make_shop(tmp_path / "b", strategy=FakeStrategy(instructable=False))) as client:
        assert client.post("/v1/rerank", json={**body, "instruction": ""}).status_code == 200
        sent = {"query": "a mug", "documents": ["Mug"], "instruct": "Prefer caps."}
        for route, given, name in (("/v1/rerank", body, "instruction"), ("/v1/score", sent, "instruct")):
            response = client.post(route, json=given)
            assert_problem(response)
            assert (response.status_code, response.json()["errors"][0]["pointer"]) == (400, f"/{name}")


def test_settings_name_a_reranker_in_this_process(folder: Path) -> None:
    stage = build_rerank(load_settings(strategy="reranker", reranker_path=str(folder), engine="starter"))
    assert "reranker" in stage.strategies and stage.engine == folder.name
    assert not stage.defaults.needs_image, "it reads titles"
    stage.close()


def test_no_engine_is_loaded_that_nothing_uses(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(settings: object) -> Engine:
        raise AssertionError("an engine is loaded")

    stage = build_rerank(load_settings(strategy="reranker", reranker_path=str(folder)), load)
    assert stage.strategies == ("reranker",) and stage.engine == folder.name and not stage.rank_prompts
    assert (stage.defaults.fusion_weight, stage.defaults.fusion_method) == (1.0, "rrf")
    with pytest.raises(InvalidValue, match="WITHTHIS_ENGINE"):
        stage.plan(RerankOptions(strategy="listwise"))
    stage.close()


@pytest.mark.parametrize("default", ["listwise", "reranker"])
def test_each_strategy_is_fused_as_suits_its_model(folder: Path, default: str) -> None:
    """The bundled model's order is fused with that of retrieval, and a trained reranker's stands."""
    named = {"strategy": default, "reranker_path": str(folder), "engine": "starter"}
    stage = build_rerank(load_settings(**named))
    plans = {name: stage.plan(RerankOptions(strategy=name)) for name in ("listwise", "reranker")}
    assert (plans["reranker"].fusion_weight, plans["reranker"].fusion_method) == (1.0, "rrf")
    assert (plans["listwise"].fusion_weight, plans["listwise"].fusion_method) == (0.3, "scores")
    stage.close()
    set_by_hand = build_rerank(load_settings(**named, fusion_weight=0.5))
    assert set_by_hand.plan(RerankOptions(strategy="reranker")).fusion_weight == 0.5
    set_by_hand.close()


def test_settings_name_a_server(running: ModelServer) -> None:
    named = {"reranker_url": running.url, "reranker_model": "m", "reranker_api_key": "k", "reranker_dialect": "jina"}
    stage = build_rerank(load_settings(strategy="reranker", **named))
    assert stage.engine == "jina/m"
    stage.close()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "WITHTHIS_RERANKER_PATH or WITHTHIS_RERANKER_URL"),
        ({"reranker_url": "http://127.0.0.1:9"}, "WITHTHIS_RERANKER_MODEL"),
        ({"reranker_url": "http://u:p@127.0.0.1:9", "reranker_model": "m"}, "WITHTHIS_RERANKER_URL"),
        ({"reranker_url": "http://127.0.0.1:9", "reranker_path": "x"}, "not both"),
        ({"reranker_path": "/nowhere/at/all"}, "WITHTHIS_RERANKER_PATH"),
        ({"reranker_url": "http://127.0.0.1:9", "reranker_dialect": "tei", "reranker_prompt": "none"}, "none"),
    ],
)
def test_settings_that_cannot_be_are_explained(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        build_rerank(load_settings(strategy="reranker", **values))
