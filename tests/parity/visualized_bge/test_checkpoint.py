"""Conversion, fingerprints, and what is said of files that do not fit."""

import os
import shutil
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from service.encoders.visualized_bge.conversion import convert
from service.encoders.visualized_bge.encoder import VisualizedBgeEncoder
from service.errors import ConfigurationError, EncoderUnavailable
from tests.parity.visualized_bge.golden_data import BASE, M3, Golden


def load(golden: Golden, weights: Path, **options: object) -> VisualizedBgeEncoder:
    chosen: dict[str, object] = {"device": "cpu", "text_model": golden.folder} | options
    return VisualizedBgeEncoder.load(golden.encoder, weights, **chosen)  # type: ignore[arg-type]


def with_changes(target: Path, change: object) -> Path:
    """The base weights with some tensors changed, as a `.pth`."""
    tensors = torch.load(BASE.weights, weights_only=True)
    assert callable(change)
    change(tensors)
    torch.save(tensors, target / "changed.pth")
    return target / "changed.pth"


def test_a_converted_folder_stands_alone_and_has_the_same_fingerprint(
    golden: Golden, from_pth: VisualizedBgeEncoder, converted: Path
) -> None:
    encoder = VisualizedBgeEncoder.load(golden.encoder, str(converted), device="cpu")
    assert encoder.info == from_pth.info
    assert not list(converted.parent.glob(".*")), "no scratch folder stays behind"
    assert oct(converted.stat().st_mode)[-3:] != "700", "others may read it"


def test_conversion_keeps_the_number_type_and_leaves_out_what_is_not_used(converted: Path, golden: Golden) -> None:
    tensors, source = load_file(converted / "model.safetensors"), torch.load(golden.weights, weights_only=True)
    left_out = set(source) - set(tensors)
    assert all(torch.equal(tensor, source[name]) for name, tensor in tensors.items())
    assert all(name.startswith(("bge_pooler.", "model_visual.")) for name in left_out)
    assert {"model_visual.logit_scale", "model_visual.visual.head.weight", "bge_pooler.dense.bias"} <= left_out


def test_half_precision_is_half_the_file(tmp_path: Path) -> None:
    whole = convert(BASE.encoder, BASE.weights, tmp_path / "whole")
    half = convert(BASE.encoder, BASE.folder / "weights_fp16.pth", tmp_path / "half")
    sizes = [(folder / "model.safetensors").stat().st_size for folder in (whole, half)]
    assert sizes[0] / sizes[1] == pytest.approx(2, rel=0.05)


def test_a_target_that_exists_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(ConfigurationError, match="already exists"):
        convert(BASE.encoder, BASE.weights, tmp_path)
    assert os.listdir(tmp_path) == ["mine"]


def test_a_failed_conversion_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(EncoderUnavailable):
        convert(BASE.encoder, M3.weights, tmp_path / "new", text_model=BASE.folder)
    assert not os.listdir(tmp_path)


def test_the_fingerprint_covers_all_that_shapes_a_vector(tmp_path: Path) -> None:
    def nudge(tensors: dict[str, torch.Tensor]) -> None:
        tensors["visual_proj.bias"][3] += 1e-3

    folder = tmp_path / "cased"
    shutil.copytree(BASE.folder, folder)
    words = (folder / "tokenizer.json").read_text(encoding="utf-8")
    (folder / "tokenizer.json").write_text(words.replace('"lowercase": true', '"lowercase": false'), encoding="utf-8")
    settings = (folder / "tokenizer_config.json").read_text(encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(settings.replace('"do_lower_case": true', '"do_lower_case": false'))
    seen = {
        load(BASE, BASE.weights).info.fingerprint,
        load(BASE, BASE.weights, fit="pad").info.fingerprint,
        load(BASE, BASE.folder / "weights_fp16.pth").info.fingerprint,
        load(BASE, with_changes(tmp_path, nudge)).info.fingerprint,
        load(BASE, BASE.weights, text_model=folder).info.fingerprint,
    }
    assert len(seen) == 5
    for same in (load(BASE, BASE.weights, batch=3), load(BASE, BASE.weights, dtype="bfloat16")):
        assert same.info.fingerprint in seen


def test_missing_unknown_and_misshapen_tensors_are_named(tmp_path: Path) -> None:
    def change(tensors: OrderedDict[str, torch.Tensor]) -> None:
        del tensors["model_visual.visual.blocks.1.attn.q_bias"]
        tensors["bge_extra"] = torch.zeros(1)
        tensors["visual_proj.weight"] = torch.zeros(64, 32)

    with pytest.raises(EncoderUnavailable) as caught:
        load(BASE, with_changes(tmp_path, change))
    said = caught.value.detail
    for part in (
        "changed.pth does not contain visualized-bge-base-en",
        "1 of 98 tensors are missing (the first: model_visual.visual.blocks.1.attn.q_bias)",
        "1 are unknown (the first: bge_extra)",
        "visual_proj.weight is [64, 32], expected [64, 64]",
        "Expected Visualized_base_en_v1.5.pth",
        "hf download BAAI/bge-visualized Visualized_base_en_v1.5.pth --revision",
    ):
        assert part in said


def test_the_other_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EncoderUnavailable, match="does not contain visualized-bge-base-en"):
        load(BASE, M3.weights)
    with pytest.raises(EncoderUnavailable, match="EVA02-CLIP-L-14, but visualized-bge-base-en needs EVA02-CLIP-B-16"):
        load(BASE, M3.weights, text_model=M3.folder)


@pytest.mark.parametrize("content", [b"", b"version https://git-lfs.github.com/spec/v1\n", b"PK\x03\x04 cut off"])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_file_that_is_no_checkpoint(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content)
    with pytest.raises(EncoderUnavailable, match=rf"weights{suffix} is not a weight file.*hf download"):
        load(BASE, path)


def test_a_file_that_breaks_off(tmp_path: Path, converted: Path, golden: Golden) -> None:
    for source in (golden.weights, converted / "model.safetensors"):
        path = tmp_path / source.name
        path.write_bytes(source.read_bytes()[:-5000])
        with pytest.raises(EncoderUnavailable, match="not a weight file, or it is damaged"):
            load(golden, path)


def test_a_pickle_that_would_run_code(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "ran"),)

    torch.save({"visual_proj.weight": Trap()}, tmp_path / "trap.pth")
    with pytest.raises(EncoderUnavailable, match=r"trap\.pth is not a weight file"):
        load(BASE, tmp_path / "trap.pth")
    assert not (tmp_path / "ran").exists()


def test_other_things_than_tensors(tmp_path: Path) -> None:
    torch.save({"state_dict": {"a": torch.zeros(1)}}, tmp_path / "nested.pth")
    with pytest.raises(EncoderUnavailable, match=r"nested\.pth contains something other than named tensors"):
        load(BASE, tmp_path / "nested.pth")


def test_safetensors_that_lack_a_tensor(tmp_path: Path, converted: Path, golden: Golden) -> None:
    tensors = load_file(converted / "model.safetensors")
    tensors.pop("visual_proj.bias")
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(EncoderUnavailable, match=r"tensors are missing \(the first: visual_proj\.bias\)"):
        load(golden, tmp_path / "model.safetensors")


def test_both_passes_are_compiled_and_their_vectors_share_a_collection(
    compiled: VisualizedBgeEncoder, from_pth: VisualizedBgeEncoder
) -> None:
    assert compiled._model._see is not None and compiled._model._read is not None
    assert not hasattr(compiled._model, "model_visual"), "the weights are held twice"
    assert compiled.info.fingerprint == from_pth.info.fingerprint
