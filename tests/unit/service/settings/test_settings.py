"""Settings: sources, groups, defaults and the words of their errors."""

import logging
import os
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from service.errors import ConfigurationError
from service.settings import Settings, load_settings, setting_places


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("WITHTHIS_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def config_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> None:
    config = tmp_path / "withthis.toml"
    config.write_text(text)
    monkeypatch.setenv("WITHTHIS_CONFIG", str(config))


def test_every_setting_is_described() -> None:
    places = setting_places().items()
    assert [name for name, place in places if not (place.info.description or "").endswith(".")] == []


def test_every_setting_has_one_name_in_one_group() -> None:
    grouped = [(place.group, place.field) for place in setting_places().values()]
    fields = sum(len(model.model_fields) for model in _groups()) + 2  # data_dir and catalogs are what the groups share
    assert len(set(grouped)) == len(grouped) == fields


def _groups() -> set[type[BaseModel]]:
    settings = Settings(_env_file=None)
    return {type(getattr(settings, place.group)) for place in setting_places().values() if place.group}


def test_defaults_put_everything_below_the_data_folder() -> None:
    settings = load_settings()
    assert settings.store_uri == str(Path(".withthis") / "milvus.db")
    assert Path(settings.images_location) == Path(".withthis") / "images"
    assert (settings.server.port, settings.encoder.name, settings.rerank.candidates) == (8000, "starter", 9)


def test_a_copy_with_another_data_folder_has_everything_there(tmp_path: Path) -> None:
    settings = load_settings().model_copy(update={"data_dir": tmp_path, "engine_model": "x"})
    assert settings.store_uri == str(tmp_path / "milvus.db")
    assert settings.images_location == str(tmp_path / "images")
    assert settings.engine.model == "x"
    assert settings.given() == {"data_dir": tmp_path, "engine_model": "x"}


def test_environment_beats_dotenv_beats_toml(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tables = '[server]\nport = 1\nhost = "0.0.0.0"\n[search]\nmax_limit = 50\n[store.index_params]\nM = 8\n'
    config_file(monkeypatch, tmp_path, tables)
    (tmp_path / ".env").write_text("WITHTHIS_PORT=2\nWITHTHIS_HOST=::1\nOTHER_APP=x\n")
    monkeypatch.setenv("WITHTHIS_PORT", "3")
    settings = load_settings()
    assert (settings.server.port, settings.server.host) == (3, "::1")
    assert (settings.search.max_limit, settings.store.index_params) == (50, {"M": 8})
    assert load_settings(port=4).server.port == 4


def test_a_flat_file_is_read_with_a_notice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config_file(
        monkeypatch, tmp_path, 'data_dir = "d"\nengine = "openai"\nengine_url = "http://a/v1"\n[index_params]\nM = 8\n'
    )
    with pytest.warns(FutureWarning, match=r"engine_url to \[engine\] url, index_params to \[store\] index_params\."):
        settings = load_settings()
    assert (settings.data_dir, settings.engine.name, settings.engine.url) == (Path("d"), "openai", "http://a/v1")
    assert settings.store.index_params == {"M": 8}


def test_a_table_may_use_the_flat_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config_file(monkeypatch, tmp_path, '[engine]\nengine = "openai"\nengine_url = "http://a/v1"\n')
    assert (load_settings().engine.name, load_settings().engine.url) == ("openai", "http://a/v1")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("WITHTHIS_ENGINE_URI", "did you mean WITHTHIS_ENGINE_URL?"),
        ("WITHTHIS_PROT", "did you mean WITHTHIS_PORT?"),
        ("WITHTHIS_ENTIRELY_ELSE", "the reference lists all settings."),
    ],
)
def test_a_misspelled_variable_is_named_and_has_no_effect(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str, hint: str
) -> None:
    monkeypatch.setenv(name, "1")
    with caplog.at_level(logging.WARNING):
        assert load_settings() == Settings(_env_file=None)
    assert caplog.messages == [f"{name} is not a setting and has no effect; {hint}"]


def test_a_misspelled_line_of_the_dotenv_file_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / ".env").write_text("WITHTHIS_HOTS=::1\nOTHER_APP=x\n")
    load_settings()
    assert caplog.messages == ["WITHTHIS_HOTS is not a setting and has no effect; did you mean WITHTHIS_HOST?"]


def test_tables_come_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WITHTHIS_SEARCH_PARAMS", '{"ef": 300}')
    assert load_settings().store.search_params == {"ef": 300}
    monkeypatch.setenv("WITHTHIS_SEARCH_PARAMS", "ef=300")
    with pytest.raises(ConfigurationError, match="written as JSON"):
        load_settings()


def test_a_list_that_is_not_json_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WITHTHIS_CATALOGS", "WITHTHIS_INDEX_PARAMS"):
        with monkeypatch.context() as patched:
            patched.setenv(name, "shoes")
            with pytest.raises(ConfigurationError, match=f"{name} must be written as JSON"):
                load_settings()


def test_an_empty_path_is_none_and_never_the_current_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = {name: place for name, place in setting_places().items() if Path in get_args(place.info.annotation)}
    assert {"rules", "synonyms", "search_log", "query_adapter"} <= paths.keys()
    for name in paths:
        monkeypatch.setenv(f"WITHTHIS_{name.upper()}", "")
    settings = load_settings()
    assert [settings.flat(name) for name in paths] == [None] * len(paths)
    monkeypatch.setenv("WITHTHIS_DATA_DIR", "")
    with pytest.raises(ConfigurationError, match="WITHTHIS_DATA_DIR: name a folder"):
        load_settings()


def test_what_is_wrong_within_a_table_is_named_by_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WITHTHIS_SEARCH_LOG", "log")
    monkeypatch.setenv("WITHTHIS_INTERLEAVE", '{"lexical_weight": 2, "wieght": 1}')
    monkeypatch.setenv("WITHTHIS_DOCUMENT", '["image", 3]')
    monkeypatch.setenv("WITHTHIS_CATALOGS", '[{"name": "shoes", "colection": "x"}]')
    with pytest.raises(ConfigurationError) as told:
        load_settings()
    places = ("INTERLEAVE.lexical_weight", "INTERLEAVE.wieght", "DOCUMENT[1]", "CATALOGS[0].colection")
    assert [place for place in places if f"WITHTHIS_{place}: " not in str(told.value)] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("INDEX_TYPE", "ANNOY"),
        ("FUSION_WEIGHT", "1.5"),
        ("COLLECTION", "a-b"),
        ("STORE_URI", "x.sqlite"),
        ("IMAGES_URL", "memory://images"),
        ("ENGINE", ""),
        ("ENGINE_DIALECT", "openai"),
        ("ENCODER_BATCH", "many"),
        ("API_KEYS", "[1]"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"WITHTHIS_{name}", value)
    with pytest.raises(ConfigurationError, match=rf"WITHTHIS_{name}(\[0\])?: "):
        load_settings()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("prot = 1\n", "unknown settings: prot"),
        ("[engine]\nuri = 1\n[server]\nport = 1\n", "unknown settings: engine.uri"),
        ("[motor]\nurl = 1\n", "unknown settings: motor"),
        ("port = \n", "not valid TOML"),
        (None, "cannot be read"),
    ],
)
def test_config_file_errors(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None, words: str) -> None:
    config = tmp_path / "c.toml"
    if text is not None:
        config.write_text(text)
    monkeypatch.setenv("WITHTHIS_CONFIG", str(config))
    with pytest.raises(ConfigurationError, match=words):
        load_settings()


def test_limits_are_compared() -> None:
    with pytest.raises(ConfigurationError, match="settings: default_limit must not exceed max_limit"):
        load_settings(default_limit=20, max_limit=10)
    with pytest.raises(
        ConfigurationError, match="lexical_field_weights names tittle, which is not among lexical_fields"
    ):
        load_settings(lexical_field_weights={"tittle": 0.5})
    assert load_settings(lexical_field_weights={"title": 0.5}).search.lexical_field_weights == {"title": 0.5}


def test_the_token_does_not_show() -> None:
    settings = load_settings(store_token="root:secret")
    assert "secret" not in repr(settings)
