"""The published file format, conversion, fingerprints, and what is said of files that do not fit."""

import json
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import msgpack
import pytest
import torch
from safetensors.torch import load_file, save_file

from benchmarks.random_magiclens import packed, write_flax
from service.encoders.magiclens.conversion import convert
from service.encoders.magiclens.flax_file import read_flax
from service.encoders.magiclens.layout import layout
from service.encoders.magiclens.magiclens_encoder import MagicLensEncoder
from service.encoders.magiclens.sizes import BASE, LARGE, sizes_of
from service.errors import ConfigurationError, EncoderUnavailable
from tests.parity.magiclens.golden_data import GOLDEN, WEIGHTS

Tensors = dict[str, torch.Tensor]
BIAS = "params/clip/text/ln_final/bias"


@pytest.fixture
def tensors() -> Tensors:
    return load_file(GOLDEN / "weights.safetensors")


def load(path: Path, **options: Any) -> MagicLensEncoder:
    return MagicLensEncoder.load(path, tokenizer=GOLDEN, device="cpu", **options)


def equal(found: Tensors, expected: Tensors) -> bool:
    return found.keys() == expected.keys() and all(
        found[name].dtype == tensor.dtype and torch.equal(found[name], tensor) for name, tensor in expected.items()
    )


def test_the_published_file_is_read_bit_for_bit(tensors: Tensors, tmp_path: Path) -> None:
    assert equal(read_flax(WEIGHTS), tensors)
    assert equal(read_flax(write_flax(tensors, tmp_path / "again.pkl")), tensors)


def test_the_layouts_are_those_of_the_published_files() -> None:
    names = json.loads((GOLDEN / "names.json").read_text(encoding="utf-8"))
    shapes = {size: {name: tuple(shape) for name, shape in found.items()} for size, found in names.items()}
    assert {size: len(found) for size, found in shapes.items()} == {"tiny": 138, "base": 474, "large": 666}
    assert (sizes_of(shapes["base"]), sizes_of(shapes["large"])) == (BASE, LARGE)
    for found in shapes.values():
        assert layout(sizes_of(found)) == found


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_numbers_keep_their_type(dtype: torch.dtype, tensors: Tensors, tmp_path: Path) -> None:
    stored = {name: tensor.to(dtype) for name, tensor in tensors.items()}
    published = write_flax(stored, tmp_path / "magic_lens_clip_base.pkl")
    folder = convert(published, tmp_path / "converted", tokenizer=GOLDEN)
    assert equal(load_file(folder / "model.safetensors"), stored)
    assert load(published).info == load(folder).info


def test_an_array_in_pieces_is_joined(tensors: Tensors, tmp_path: Path) -> None:
    name = "params/clip/text/token_embedding/embedding"
    pieces = dict(enumerate(torch.split(tensors[name].flatten(), 1000)))
    cut: dict[str, Any] = {
        "__msgpack_chunked_array__": True,
        "shape": {"0": 634, "1": 24},
        "chunks": {str(place): packed(piece) for place, piece in pieces.items()},
    }
    assert len(pieces) > 10, "so that 10 does not come before 2"
    assert equal(read_flax(write_flax({**tensors, name: cut}, tmp_path / "cut.pkl")), tensors)


def test_a_converted_folder_stands_alone(from_pickle: MagicLensEncoder, converted: Path) -> None:
    assert MagicLensEncoder.load(str(converted), device="cpu").info == from_pickle.info
    assert not list(converted.parent.glob(".*")), "no scratch folder stays behind"


def test_a_target_that_exists_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(ConfigurationError, match="already exists"):
        convert(WEIGHTS, tmp_path)
    assert os.listdir(tmp_path) == ["mine"]


def test_a_failed_conversion_leaves_nothing(tmp_path: Path, tensors: Tensors) -> None:
    del tensors[BIAS]
    source = tmp_path / "source"
    source.mkdir()
    with pytest.raises(EncoderUnavailable):
        convert(write_flax(tensors, source / "half.pkl"), tmp_path / "new", tokenizer=GOLDEN)
    assert os.listdir(tmp_path) == ["source"]


def test_the_fingerprint_covers_all_that_shapes_a_vector(tensors: Tensors, tmp_path: Path) -> None:
    nudged = write_flax({**tensors, BIAS: tensors[BIAS] + 1e-3}, tmp_path / "nudged.pkl")
    words = Path(shutil.copytree(GOLDEN, tmp_path / "words", ignore=shutil.ignore_patterns("*.pkl", "images")))
    ids = json.loads((words / "vocab.json").read_text(encoding="utf-8"))
    (words / "vocab.json").write_text(json.dumps(ids | {"a": ids["b"], "b": ids["a"]}), encoding="utf-8")
    encoders = [
        load(WEIGHTS),
        load(WEIGHTS, fit="pad"),
        load(nudged),
        MagicLensEncoder.load(WEIGHTS, tokenizer=words, device="cpu"),
    ]
    assert len({encoder.info.fingerprint for encoder in encoders}) == 4
    assert load(WEIGHTS, batch=3).info == encoders[0].info


def test_missing_unknown_and_misshapen_tensors_are_named(tensors: Tensors, tmp_path: Path) -> None:
    del tensors[BIAS]
    tensors["params/clip/extra"] = torch.zeros(1)
    tensors["params/clip/visual/ln_pre/scale"] = torch.zeros(16)
    with pytest.raises(EncoderUnavailable) as caught:
        load(write_flax(tensors, tmp_path / "changed.pkl"))
    for part in (
        "changed.pkl is not a MagicLens",
        f"1 of 138 tensors are missing (the first: {BIAS})",
        "1 are unknown (the first: params/clip/extra)",
        "params/clip/visual/ln_pre/scale is [16], expected [32]",
        "gsutil cp gs://gresearch/magiclens/models/magic_lens_clip_base.pkl",
    ):
        assert part in caught.value.detail


@pytest.mark.parametrize("suffix", [".pkl", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"version https://git-lfs.github.com/spec/v1\n", b"PK\x03\x04 cut off"])
def test_a_file_that_is_no_checkpoint(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content)
    with pytest.raises(EncoderUnavailable, match=rf"weights{suffix} is not a"):
        load(path)


@pytest.mark.parametrize("kept", [1, 1000, -5000, -1])
def test_a_file_that_breaks_off(tmp_path: Path, converted: Path, kept: int) -> None:
    for source in (WEIGHTS, converted / "model.safetensors"):
        path = tmp_path / source.name
        path.write_bytes(source.read_bytes()[:kept])
        with pytest.raises(EncoderUnavailable, match="damaged"):
            load(path)


@pytest.mark.parametrize(
    "content",
    [
        [1, 2],
        {"params": 3},
        {"params": "text"},
        {"params": [1]},
        {"params": msgpack.ExtType(2, msgpack.packb((1.0, 2.0)))},
        {"params": msgpack.ExtType(1, msgpack.packb(((2,), "float32", b"123")))},
        {"params": msgpack.ExtType(1, msgpack.packb(((1,), "object", b"12345678")))},
        {"params": msgpack.ExtType(1, msgpack.packb(((1 << 40,), "float32", b"1234")))},
        {"params": {"__msgpack_chunked_array__": True, "shape": {"1": 3}, "chunks": {}}},
        {"params": packed(torch.zeros(3, dtype=torch.int64))},
    ],
)
def test_other_things_than_numbers(content: object, tmp_path: Path) -> None:
    path = tmp_path / "odd.pkl"
    path.write_bytes(pickle.dumps(msgpack.packb(content)))
    with pytest.raises(EncoderUnavailable, match=r"odd\.pkl is not a pickled flax checkpoint"):
        load(path)


def test_a_file_of_another_model(tmp_path: Path) -> None:
    save_file({"visual.proj": torch.zeros(2, 2)}, tmp_path / "model.safetensors")
    for path in (
        write_flax({"params/dense/kernel": torch.zeros(2, 2)}, tmp_path / "other.pkl"),
        tmp_path / "model.safetensors",
    ):
        with pytest.raises(EncoderUnavailable, match="not those of a MagicLens"):
            load(path)


class Trap:
    """A pickle that would run something."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("the trap is sprung",))


@pytest.mark.parametrize("wrapped", [Trap(), [Trap()], {"params": Trap()}])
def test_a_pickle_that_would_run_code(wrapped: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "trap.pkl").write_bytes(pickle.dumps(wrapped))
    with pytest.raises(EncoderUnavailable, match=r"trap\.pkl is not a pickled flax checkpoint"):
        load(tmp_path / "trap.pkl")
    assert "sprung" not in capsys.readouterr().out
