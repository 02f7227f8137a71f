"""The engine that the settings name, loaded with what they say of it; what is wrong with it is a setting's fault."""

from pathlib import Path

import pytest

from service.build import load_engine
from service.errors import ConfigurationError
from service.settings import Settings
from tests.unit.rerank.checkpoints import make


def settings(**values: object) -> Settings:
    return Settings(_env_file=None, engine="transformers", engine_device="cpu", **values)  # type: ignore[arg-type]


def test_a_model_of_transformers_is_loaded_as_the_settings_say(tmp_path: Path) -> None:
    folder = make("qwen2-vl", tmp_path)
    for named in ({"engine_model": str(folder)}, {"engine_path": folder}):
        info = load_engine(settings(**named, engine_layout="images", engine_max_candidates=5)).info
        assert (info.id, info.layout, info.max_candidates) == ("qwen2-vl", "images", 5)
    assert load_engine(settings(engine_model=str(folder))).info.layout == "panel"


def test_a_model_has_to_be_named() -> None:
    with pytest.raises(ConfigurationError, match="WITHTHIS_ENGINE_MODEL"):
        load_engine(settings())


def test_missing_and_unfit_checkpoints_are_errors_of_the_settings(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="WITHTHIS_ENGINE_MODEL"):
        load_engine(settings(engine_path=tmp_path / "nothing"))
    with pytest.raises(ConfigurationError, match=r"engine transformers cannot be used. .* no chat template"):
        load_engine(settings(engine_path=make("qwen2-vl", tmp_path, template="")))
