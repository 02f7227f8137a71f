"""Encoders by name."""

import pytest

from service.encoders import registry
from service.encoders.base import Encoder
from service.encoders.registry import ENCODERS, load_encoder
from service.errors import EncoderUnavailable, UnknownEncoder
from service.settings import Settings
from tests.fakes import FakeEncoder


def test_a_known_name_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = FakeEncoder()
    monkeypatch.setitem(registry.ENCODERS, "fake", lambda settings: encoder)
    assert load_encoder(Settings(encoder="fake")) is encoder


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UnknownEncoder, match=r"'nope'.*WITHTHIS_ENCODER to one of: starter\.") as caught:
        load_encoder(Settings(encoder="nope"))
    assert all(name in caught.value.detail for name in ENCODERS)


@pytest.mark.parametrize(
    "fault", [FileNotFoundError("/secret/path"), ImportError("x"), KeyError("x"), RuntimeError("x")]
)
def test_missing_files_are_explained(monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    def broken(settings: Settings) -> Encoder:
        raise fault

    monkeypatch.setitem(registry.ENCODERS, "broken", broken)
    with pytest.raises(EncoderUnavailable) as caught:
        load_encoder(Settings(encoder="broken"))
    assert "secret" not in caught.value.detail and caught.value.__cause__ is fault
