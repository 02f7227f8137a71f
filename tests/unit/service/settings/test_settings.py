"""Settings: sources, defaults and the words of their errors."""

import os
from pathlib import Path

import pytest

from service.errors import ConfigurationError
from service.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("WITHTHIS_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not (field.description or "").endswith(".")] == []


def test_defaults_put_everything_below_the_data_folder() -> None:
    settings = load_settings()
    assert settings.store_uri == str(Path(".withthis") / "milvus.db")
    assert Path(settings.images_location) == Path(".withthis") / "images"
    assert (settings.port, settings.encoder, settings.rerank_candidates) == (8000, "starter", 9)


def test_environment_beats_dotenv_beats_toml(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = tmp_path / "withthis.toml"
    config.write_text('port = 1\nhost = "0.0.0.0"\nmax_limit = 50\n[index_params]\nM = 8\n')
    (tmp_path / ".env").write_text("WITHTHIS_PORT=2\nWITHTHIS_HOST=::1\nOTHER_APP=x\n")
    monkeypatch.setenv("WITHTHIS_CONFIG", str(config))
    monkeypatch.setenv("WITHTHIS_PORT", "3")
    settings = load_settings()
    assert (settings.port, settings.host, settings.max_limit, settings.index_params) == (3, "::1", 50, {"M": 8})
    assert load_settings(port=4).port == 4


def test_unknown_variables_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WITHTHIS_NO_SUCH_THING", "1")
    assert load_settings().port == 8000


def test_tables_come_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WITHTHIS_SEARCH_PARAMS", '{"ef": 300}')
    assert load_settings().search_params == {"ef": 300}
    monkeypatch.setenv("WITHTHIS_SEARCH_PARAMS", "ef=300")
    with pytest.raises(ConfigurationError, match="written as JSON"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("INDEX_TYPE", "ANNOY"),
        ("FUSION_WEIGHT", "1.5"),
        ("COLLECTION", "a-b"),
        ("STORE_URI", "x.sqlite"),
        ("IMAGES_URL", "memory://images"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"WITHTHIS_{name}", value)
    with pytest.raises(ConfigurationError, match=f"WITHTHIS_{name}: "):
        load_settings()


@pytest.mark.parametrize(
    ("text", "words"),
    [("prot = 1\n", "unknown settings: prot"), ("port = \n", "not valid TOML"), (None, "cannot be read")],
)
def test_config_file_errors(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None, words: str) -> None:
    config = tmp_path / "c.toml"
    if text is not None:
        config.write_text(text)
    monkeypatch.setenv("WITHTHIS_CONFIG", str(config))
    with pytest.raises(ConfigurationError, match=words):
        load_settings()


def test_limits_are_compared() -> None:
    with pytest.raises(ConfigurationError, match="default_limit must not exceed max_limit"):
        load_settings(default_limit=20, max_limit=10)


def test_the_token_does_not_show() -> None:
    settings = load_settings(store_token="root:secret")
    assert "secret" not in repr(settings)
