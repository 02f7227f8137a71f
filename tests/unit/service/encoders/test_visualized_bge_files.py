"""Finding files, and what is said where they are not."""

import json
import shutil
from pathlib import Path

import pytest

from service.encoders.tokens import Tokenizer
from service.encoders.visualized_bge import files
from service.encoders.visualized_bge.config import WEIGHTS_REVISION, published, read_text_config, read_vision_config
from service.encoders.visualized_bge.encoder import VisualizedBgeEncoder
from service.encoders.visualized_bge.files import find_text_model, find_weights
from service.errors import ConfigurationError, EncoderUnavailable
from tests.parity.visualized_bge.golden_data import BASE, M3

MODEL = published("visualized-bge-base-en")


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, object]]:
    """A hub that cannot be reached, and what was asked of it."""
    asked: list[tuple[str, object]] = []

    def unreachable(repo: str, *_: object, revision: str | None = None, **__: object) -> str:
        asked.append((repo, revision))
        raise ConnectionError("secret host")

    monkeypatch.setattr(files, "hf_hub_download", unreachable)
    monkeypatch.setattr(files, "snapshot_download", unreachable)
    return asked


def test_a_folder_may_hold_either_kind_of_weights(tmp_path: Path) -> None:
    (tmp_path / MODEL.file).touch()
    assert find_weights(str(tmp_path), MODEL) == tmp_path / MODEL.file
    (tmp_path / "model.safetensors").touch()
    assert find_weights(tmp_path, MODEL) == tmp_path / "model.safetensors"


def test_a_folder_without_weights(tmp_path: Path) -> None:
    with pytest.raises(EncoderUnavailable, match=r"neither model\.safetensors nor Visualized_base_en") as caught:
        find_weights(tmp_path, MODEL)
    assert MODEL.download in caught.value.detail and "withthis models convert" in caught.value.detail


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(EncoderUnavailable, match=r"no file or folder .*gone.*hf download BAAI/bge-visualized"):
        find_weights(tmp_path / "gone", MODEL)


def test_weights_come_from_the_pinned_revision_unless_told(no_hub: list[tuple[str, object]]) -> None:
    with pytest.raises(EncoderUnavailable, match=r"could not be downloaded.*hf download") as caught:
        find_weights(None, MODEL)
    assert "secret" not in caught.value.detail
    with pytest.raises(EncoderUnavailable):
        find_weights(None, MODEL, "abc")
    assert no_hub == [
        ("BAAI/bge-visualized", WEIGHTS_REVISION),
        ("BAAI/bge-visualized", "abc"),
    ]


def test_the_text_model_lies_beside_the_weights_or_on_the_hub(tmp_path: Path, no_hub: list[tuple[str, object]]) -> None:
    assert find_text_model(None, MODEL, BASE.weights) == BASE.folder
    pin = "a5beb1e3e68b9ab74eb54cfd186867f64f240e1a"
    for name, asked in [
        (None, ("BAAI/bge-base-en-v1.5", pin)),
        ("BAAI/bge-base-en-v1.5", ("BAAI/bge-base-en-v1.5", pin)),
        ("BAAI/bge-base-en-v1.5@main", ("BAAI/bge-base-en-v1.5", "main")),
        ("my/own", ("my/own", None)),
    ]:
        with pytest.raises(EncoderUnavailable, match=r"could not be downloaded.*WITHTHIS_ENCODER_TEXT_MODEL"):
            find_text_model(name, MODEL, tmp_path / "weights.pth")
        assert no_hub.pop() == asked


def test_the_hub_gives_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(files, "snapshot_download", lambda *_, **__: str(BASE.folder))
    monkeypatch.setattr(files, "hf_hub_download", lambda *_, **__: str(BASE.weights))
    encoder = VisualizedBgeEncoder.load(BASE.encoder, device="cpu")
    assert encoder.info.id == BASE.encoder and encoder.info.dimension == 64
    monkeypatch.setattr(files, "snapshot_download", lambda *_, **__: str(tmp_path))
    with pytest.raises(EncoderUnavailable, match=r"lacks config\.json"):
        find_text_model(None, MODEL)


def test_a_folder_that_is_no_text_model(tmp_path: Path) -> None:
    with pytest.raises(EncoderUnavailable, match=r"lacks config\.json\. To download it: hf download BAAI/bge-base"):
        find_text_model(tmp_path, MODEL)
    shutil.copy(BASE.folder / "config.json", tmp_path)
    with pytest.raises(EncoderUnavailable, match="lacks a tokenizer"):
        find_text_model(str(tmp_path), MODEL)
    with pytest.raises(EncoderUnavailable, match="no folder"):
        find_text_model("./not/here/at/all", MODEL)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"model_type": "gpt2"}', '{"model_type": "bert", "hidden_size": "x"}']
)
def test_a_broken_text_configuration(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(EncoderUnavailable, match=r"config\.json"):
        read_text_config(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"eva_model": "EVA02-CLIP-B-16"}'])
def test_a_broken_vision_configuration(tmp_path: Path, content: str) -> None:
    (tmp_path / "vision.json").write_text(content)
    with pytest.raises(EncoderUnavailable, match=r"vision\.json"):
        read_vision_config(tmp_path, MODEL)


def test_without_a_vision_configuration_the_published_sizes_hold(tmp_path: Path) -> None:
    assert read_vision_config(tmp_path, MODEL) is MODEL.vision


def test_a_tokenizer_that_does_not_fit(tmp_path: Path) -> None:
    with pytest.raises(EncoderUnavailable, match="knows 659 tokens, the model only 100"):
        Tokenizer(BASE.folder, 100)
    for file in ("config.json", "tokenizer_config.json"):
        shutil.copy(M3.folder / file, tmp_path)
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": "?"}))
    with pytest.raises(EncoderUnavailable, match="cannot be read"):
        Tokenizer(tmp_path, 1000)


def test_unknown_names() -> None:
    with pytest.raises(ConfigurationError, match="visualized-bge-base-en, visualized-bge-m3"):
        VisualizedBgeEncoder.load("visualized-bge", device="cpu")
    with pytest.raises(ConfigurationError, match="crop, pad"):
        VisualizedBgeEncoder.load(BASE.encoder, BASE.weights, device="cpu", fit="squash")  # type: ignore[arg-type]


def test_offline_with_nothing_cached(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The hub's own client, told to stay offline (HF_HUB_OFFLINE=1)."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(EncoderUnavailable, match=r"Visualized_base_en.*is not on this machine.*hf download"):
        VisualizedBgeEncoder.load(BASE.encoder, device="cpu")
    with pytest.raises(EncoderUnavailable, match=r"BAAI/bge-base-en-v1\.5 are not on this machine.*hf download"):
        find_text_model(None, MODEL)
