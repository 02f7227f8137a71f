"""Encoders by name."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service import build
from service.build import ENCODERS, load_encoder
from service.encoders import registry
from service.encoders.encoder import Encoder
from service.encoders.options import EncoderOptions
from service.encoders.registry import EncoderEntry
from service.errors import ConfigurationError, EncoderUnavailable, UnknownEncoder
from service.settings import Settings, setting_places
from tests.fakes import FakeEncoder
from tests.unit.service.encoders.tiny_clip import make_chinese_clip, make_clip


def entry(name: str, load: registry.Loader) -> EncoderEntry:
    return replace(ENCODERS["starter"], name=name, load=load)


def settings(**values: Any) -> Settings:
    return Settings(_env_file=None, encoder_device="cpu", **values)


def test_a_known_name_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = FakeEncoder()
    monkeypatch.setitem(build.ENCODERS, "fake", entry("fake", lambda settings: encoder))
    assert load_encoder(Settings(encoder="fake")) is encoder


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UnknownEncoder, match=r"'nope'.*WITHTHIS_ENCODER to one of: bge-vl, .*starter") as caught:
        load_encoder(Settings(encoder="nope"))
    assert all(name in caught.value.detail for name in ENCODERS)


@pytest.mark.parametrize(
    "fault", [FileNotFoundError("/secret/path"), ImportError("x"), KeyError("x"), RuntimeError("x")]
)
def test_missing_files_are_explained(monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    def broken(options: EncoderOptions) -> Encoder:
        raise fault

    monkeypatch.setitem(build.ENCODERS, "broken", entry("broken", broken))
    with pytest.raises(EncoderUnavailable) as caught:
        load_encoder(Settings(encoder="broken"))
    assert "secret" not in caught.value.detail and caught.value.__cause__ is fault


def test_every_entry_names_settings_that_exist() -> None:
    for name, described in ENCODERS.items():
        assert described.name == name
        assert {setting.lower() for setting in described.settings} <= setting_places().keys()


@pytest.mark.parametrize("setting", ["dimensions", "query_instruction", "document_instruction"])
def test_a_setting_that_would_have_no_effect_is_refused(setting: str) -> None:
    value: Any = 64 if setting == "dimensions" else "Find it."
    with pytest.raises(ConfigurationError, match=f"WITHTHIS_ENCODER_{setting.upper()}"):
        load_encoder(settings(encoder="starter", **{f"encoder_{setting}": value}))


def test_the_clip_family_is_loaded_with_its_settings(tmp_path: Path) -> None:
    folder = make_clip(tmp_path)
    encoders = [
        load_encoder(settings(encoder=name, encoder_path=folder, **more))
        for name, more in (("clip", {}), ("bge-vl", {}), ("clip", {"encoder_fit": "pad"}))
    ]
    assert [encoder.info.id for encoder in encoders] == ["clip", "bge-vl", "clip"]
    assert len({encoder.info.fingerprint for encoder in encoders}) == 3


def test_chinese_clip_knows_its_context(tmp_path: Path) -> None:
    info = load_encoder(settings(encoder="chinese-clip", encoder_path=make_chinese_clip(tmp_path))).info
    assert (info.id, info.max_text_tokens) == ("chinese-clip", ENCODERS["chinese-clip"].max_text_tokens)


@pytest.mark.parametrize("name", [name for name, one in ENCODERS.items() if name != "starter" and not one.is_remote])
def test_weights_that_are_not_there_are_explained(name: str, tmp_path: Path) -> None:
    with pytest.raises(EncoderUnavailable) as caught:
        load_encoder(settings(encoder=name, encoder_path=tmp_path / "nowhere"))
    assert "nowhere" in caught.value.detail
