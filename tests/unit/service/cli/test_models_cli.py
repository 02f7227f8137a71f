"""`withthis models`, and the doctor's look at the encoder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import CLIPModel
from typer.testing import CliRunner

from service.build import ENCODERS, load_encoder
from service.cli import app
from service.cli import doctor as doctor_module
from service.cli.demo import index_name
from service.encoders.magiclens import conversion as magiclens_conversion
from service.encoders.visualized_bge import conversion
from service.errors import EncoderUnavailable, InvalidInput
from service.settings import Settings
from tests.fakes import FakeEncoder
from tests.parity.magiclens.golden_data import GOLDEN
from tests.unit.service.encoders.tiny_clip import make_clip

Run = Callable[..., Any]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs `withthis models …` in an empty folder; errors of ours come out as they are."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *words: CliRunner().invoke(app, ["models", *map(str, words)], catch_exceptions=False)


def test_every_encoder_is_listed_with_what_it_takes_to_choose_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WITHTHIS_ENCODER", "bge-vl")
    shown = " ".join(run("list").stdout.split())  # long lines are wrapped
    for entry in ENCODERS.values():
        assert all(
            text in shown for text in (entry.name, entry.source, entry.license, f"WITHTHIS_ENCODER={entry.name}")
        )
    assert shown.count("chosen") == 1 and "bge-vl chosen" in shown


def test_the_list_is_there_for_machines(run: Run) -> None:
    listed = json.loads(run("list", "--json").stdout)
    assert [facts["name"] for facts in listed] == list(ENCODERS)
    assert all(facts["settings"]["WITHTHIS_ENCODER"] == facts["name"] for facts in listed)


def test_convert_writes_what_an_encoder_loads(run: Run, tmp_path: Path) -> None:
    source = make_clip(tmp_path / "source")
    torch.save(CLIPModel.from_pretrained(source).state_dict(), source / "pytorch_model.bin")
    (source / "model.safetensors").unlink()
    assert run("convert", source, "target").stdout.strip() == "target"
    settings = Settings(_env_file=None, encoder="clip", encoder_path=tmp_path / "target", encoder_device="cpu")
    assert load_encoder(settings).info.dimension == 12


def test_a_magiclens_is_converted_and_loaded(run: Run, tmp_path: Path) -> None:
    assert run("convert", GOLDEN / "magic_lens_clip_tiny.pkl", "target").stdout.strip() == "target"
    settings = Settings(_env_file=None, encoder="magiclens", encoder_path=tmp_path / "target", encoder_device="cpu")
    assert load_encoder(settings).info.dimension == 24


def test_convert_overwrites_nothing(run: Run, tmp_path: Path) -> None:
    source = make_clip(tmp_path / "source")
    with pytest.raises(InvalidInput, match="already exists"):
        run("convert", source, source)
    with pytest.raises(InvalidInput, match="already exists"):
        run("convert", source, source / "config.json")


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("folder/Visualized_m3.pth",), "visualized-bge-m3"),
        (("Visualized_base_en_v1.5.pth",), "visualized-bge-base-en"),
        (("own.pth", "--encoder", "visualized-bge-m3"), "visualized-bge-m3"),
    ],
)
def test_convert_knows_a_visualized_bge_by_its_file(
    words: tuple[str, ...], name: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Any, ...]] = []
    monkeypatch.setattr(conversion, "convert", lambda *positional, **named: seen.append((*positional, named)))
    run("convert", words[0], "target", *words[1:], "--text-model", "bge", "--revision", "abc")
    assert seen == [(name, words[0], Path("target"), {"text_model": "bge", "revision": "abc"})]


@pytest.mark.parametrize("words", [("magic_lens_clip_base.pkl",), ("own.safetensors", "--encoder", "magiclens")])
def test_convert_knows_a_magiclens(words: tuple[str, ...], run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Any, ...]] = []
    monkeypatch.setattr(magiclens_conversion, "convert", lambda *positional, **named: seen.append((*positional, named)))
    run("convert", words[0], "target", *words[1:], "--text-model", "clip")
    assert seen == [(words[0], Path("target"), {"tokenizer": "clip"})]


def test_convert_asks_which_encoder_an_unknown_file_is_for(run: Run) -> None:
    with pytest.raises(InvalidInput, match="--encoder visualized-bge-base-en or visualized-bge-m3"):
        run("convert", "own.pth", "target")


def test_convert_says_when_there_is_nothing_to_convert(run: Run, tmp_path: Path) -> None:
    with pytest.raises(EncoderUnavailable, match=r"no pytorch_model\.bin"):
        run("convert", make_clip(tmp_path / "source"), "target")
    with pytest.raises(EncoderUnavailable, match="There is no folder"):
        run("convert", "nowhere", "target")


def test_the_doctor_finds_an_encoder_that_loads_but_cannot_embed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(FakeEncoder):
        def encode(self, queries: Any) -> Any:
            raise RuntimeError("out of memory")

    monkeypatch.setattr(doctor_module, "load_encoder", lambda settings: Broken())
    finding = doctor_module.examine("encoder", doctor_module.CHECKS["encoder"], Settings(_env_file=None))
    assert not finding.well and "WITHTHIS_ENCODER_DEVICE=cpu" in finding.detail


def test_the_demo_keeps_the_index_of_each_encoder_apart() -> None:
    def name(**values: Any) -> str:
        return index_name(Settings(_env_file=None, **values))

    names = [
        name(),
        name(encoder_path="weights"),
        name(encoder="clip"),
        name(encoder="clip", encoder_fit="pad"),
        name(encoder="clip", encoder_path="weights"),
        name(encoder="bge-vl", encoder_path="weights"),
    ]
    assert names[0] == "" and len(set(names)) == len(names)
    assert name(encoder="clip", encoder_text_weight=0.9, encoder_device="cpu") == names[2]
