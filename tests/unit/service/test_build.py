"""Wiring: names in the settings lead to parts, or to an error that names the setting."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rerank.prompts import PromptLibrary
from rerank.strategies.listwise import ListwiseStrategy
from service.build import build_rerank, load_engine, loading
from service.errors import ConfigurationError
from service.images.sources import UploadedImage
from service.search.reranking.engines import WithPrompts
from service.search.types import SearchRequest
from service.settings import Settings
from tests.fakes import make_shop, png
from tests.unit.rerank.fakes import FakeEngine, says


def settings(**values: object) -> Settings:
    return Settings(_env_file=None, **values)  # type: ignore[arg-type]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """The engine that the settings' name "fake" leads to."""
    fake = FakeEngine()
    monkeypatch.setattr(loading, "ENGINES", {"fake": lambda settings: fake})
    return fake


def test_an_unknown_engine_is_named_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"WITHTHIS_ENGINE must be one of: .*starter"):
        load_engine(settings(engine="magic"))


def test_missing_engine_files_say_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(settings: Settings) -> FakeEngine:
        raise FileNotFoundError("/secret/weights")

    monkeypatch.setattr(loading, "ENGINES", {"fake": broken})
    with pytest.raises(ConfigurationError, match="WITHTHIS_ENGINE_PATH") as caught:
        load_engine(settings(engine="fake"))
    assert "secret" not in caught.value.detail


def test_prompts_of_the_settings_replace_the_engines_own(engine: FakeEngine) -> None:
    prompted = WithPrompts(engine, rank="rank-images", caption=None)
    assert prompted.info.prompts == {**engine.info.prompts, "rank": "rank-images"}


@pytest.mark.parametrize(
    "values",
    [
        {"strategy": "magic"},
        {"rank_prompt": "magic"},
        {"rank_prompt": "rank-images"},  # for another layout than the engine's
        {"prompts_dir": Path("nowhere")},
    ],
)
def test_a_wrong_rerank_setting_stops_the_start(engine: FakeEngine, values: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        build_rerank(settings(engine="fake", **values))


def test_right_settings_give_the_listwise_strategy(engine: FakeEngine) -> None:
    assert build_rerank(settings(engine="fake")).strategies == ("listwise", "sliding-window")


def test_the_pipeline_over_the_real_listwise_strategy(tmp_path: Path) -> None:
    letters = [chr(ord("I") - place) for place in range(9)]
    engine = FakeEngine(says(json.dumps({"ranking": letters, "reason": "I is the closest"})))
    shop = make_shop(tmp_path, strategy=ListwiseStrategy(engine, PromptLibrary.load()))
    answer = shop.parts.ready().pipeline.search(SearchRequest(text="a mug with this", image=UploadedImage(png())))
    assert [result.retrieval_rank for result in answer.results] == list(range(9, 0, -1))
    assert (answer.caption, answer.rerank.reason) == ("a leopard", "I is the closest")
    assert list(answer.timings_ms) == ["decode", "embed", "retrieve", "load", "caption", "rerank", "total"]


@pytest.mark.parametrize("said", ["I cannot help with that.", ""])
def test_a_refusal_is_the_order_of_retrieval_and_says_so(tmp_path: Path, said: str) -> None:
    shop = make_shop(tmp_path, strategy=ListwiseStrategy(FakeEngine(says(said)), PromptLibrary.load()))
    answer = shop.parts.ready().pipeline.search(SearchRequest(text="a mug"))
    assert [result.retrieval_rank for result in answer.results] == list(range(1, 10))
    assert answer.rerank.degraded == "rerank_unusable"
