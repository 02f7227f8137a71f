"""The engine `openai-compatible` as the settings wire it."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest

from rerank.engines.openai_compatible import OpenAICompatibleEngine
from service.build import build_rerank, load_engine
from service.errors import ConfigurationError
from service.settings import Settings

URL, MODEL = "http://127.0.0.1:8001/v1", "microsoft/Phi-3.5-vision-instruct"


def settings(**chosen: Any) -> Settings:
    named = {"engine": "openai-compatible", "engine_url": URL, "engine_model": MODEL, **chosen}
    return Settings(_env_file=None, **named)


def loaded(**chosen: Any) -> OpenAICompatibleEngine:
    engine = load_engine(settings(**chosen))
    assert isinstance(engine, OpenAICompatibleEngine)
    return engine


def test_it_declares_what_the_settings_say() -> None:
    with closing(loaded(engine_max_candidates=20, engine_layout="images", engine_dialect="json_schema")) as engine:
        info = engine.info
    assert (info.id, info.layout, info.max_candidates) == (f"openai-compatible/{MODEL}", "images", 20)
    assert (info.can_score, info.constrained, info.label_scores) == (False, False, False)
    assert info.prompts == {"caption": "caption", "rank": "rank-images", "match": "match", "grade": "grade"}


def test_by_default_it_is_a_vllm_that_takes_one_panel() -> None:
    with closing(loaded()) as engine:
        assert (engine.info.layout, engine.info.max_candidates, engine.info.can_score) == ("panel", 9, True)


@pytest.mark.parametrize("layout", ["panel", "images"])
def test_every_strategy_can_be_built_on_it_without_a_server(layout: str) -> None:
    assert build_rerank(settings(engine_layout=layout)) is not None


@pytest.mark.parametrize("missing", ["engine_url", "engine_model"])
def test_without_address_or_model_it_says_what_to_set(missing: str) -> None:
    with pytest.raises(ConfigurationError, match=r"WITHTHIS_ENGINE_URL .* WITHTHIS_ENGINE_MODEL"):
        loaded(**{missing: None})


@pytest.mark.parametrize("wrong", [{"engine_url": "ftp://x"}, {"engine_api_key": "a\nb"}])
def test_a_wrong_address_or_key_is_a_wrong_setting(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="WITHTHIS_ENGINE_URL must be"):
        loaded(**wrong)


def test_the_key_does_not_show() -> None:
    chosen = settings(engine_api_key="sk-secret")
    assert "sk-secret" not in repr(chosen)
    with closing(load_engine(chosen)) as engine:  # type: ignore[type-var]
        assert "sk-secret" not in repr(vars(engine))
