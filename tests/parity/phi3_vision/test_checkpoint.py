"""Loading: the published layout at full size, every way a folder can be wrong, and where the weights go."""

import json
import shutil
import sys
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from rerank.engines.phi3_vision import source
from rerank.engines.phi3_vision.checkpoint import INDEX_FILE, empty_model, load_model
from rerank.engines.phi3_vision.config import read_config
from rerank.engines.phi3_vision.model import Phi3VisionForCausalLM
from rerank.errors import EngineError
from tests.parity.phi3_vision.golden_data import GOLDEN

PUBLISHED = {
    "hidden_size": 3072,
    "intermediate_size": 8192,
    "num_attention_heads": 32,
    "num_hidden_layers": 32,
    "num_key_value_heads": 32,
}
PUBLISHED_VALUES = 8_293_242_880 // 2  # `total_size` of the published index, two bytes a value


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the tiny checkpoint."""
    return Path(shutil.copytree(GOLDEN, tmp_path / "model", ignore=shutil.ignore_patterns("images", "expected*")))


def edit(file: Path, **fields: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text(encoding="utf-8")), **fields}), encoding="utf-8")


def published_layout() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the 592 tensors, written down from the published index."""
    hidden, inner, clip = 3072, 8192, 1024
    names: dict[str, tuple[int, ...]] = {
        "lm_head.weight": (32064, hidden),
        "model.embed_tokens.weight": (32064, hidden),
        "model.norm.weight": (hidden,),
    }
    for layer in range(32):
        at = f"model.layers.{layer}."
        names |= {at + f"{norm}.weight": (hidden,) for norm in ("input_layernorm", "post_attention_layernorm")}
        names |= {
            at + "self_attn.qkv_proj.weight": (9216, hidden),
            at + "self_attn.o_proj.weight": (hidden, hidden),
            at + "mlp.gate_up_proj.weight": (2 * inner, hidden),
            at + "mlp.down_proj.weight": (hidden, inner),
        }
    eyes = "model.vision_embed_tokens."
    names |= {eyes + "glb_GN": (1, 1, 4096), eyes + "sub_GN": (1, 1, 1, 4096)}
    names |= {eyes + "img_projection.0.weight": (hidden, 4096), eyes + "img_projection.2.weight": (hidden, hidden)}
    names |= {eyes + f"img_projection.{part}.bias": (hidden,) for part in (0, 2)}
    tower = eyes + "img_processor.vision_model."
    names |= {
        tower + "embeddings.class_embedding": (clip,),
        tower + "embeddings.patch_embedding.weight": (clip, 3, 14, 14),
        tower + "embeddings.position_embedding.weight": (577, clip),
    }
    square = {f"self_attn.{part}_proj": (clip, clip) for part in "qkv"} | {"self_attn.out_proj": (clip, clip)}
    matrices = {**square, "mlp.fc1": (4 * clip, clip), "mlp.fc2": (clip, 4 * clip)}
    norms = [tower + "pre_layrnorm", tower + "post_layernorm"]
    for layer in range(24):
        at = tower + f"encoder.layers.{layer}."
        norms += [at + "layer_norm1", at + "layer_norm2"]
        names |= {at + f"{name}.weight": shape for name, shape in matrices.items()}
        names |= {at + f"{name}.bias": shape[:1] for name, shape in matrices.items()}
    return names | {f"{norm}.{part}": (clip,) for norm in norms for part in ("weight", "bias")}


def test_the_full_size_has_the_published_names_and_shapes(folder: Path) -> None:
    (folder / "clip_vision_config.json").unlink()  # the published folders have none
    rope = {"type": "su", "short_factor": [1.05] * 48, "long_factor": [1.1] * 48}
    edit(folder / "config.json", **PUBLISHED, rope_scaling=rope)
    model = empty_model(read_config(folder))
    assert all(parameter.is_meta for parameter in model.parameters())
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    assert shapes == published_layout()
    assert len(shapes) == 592
    assert sum(map(prod, shapes.values())) == PUBLISHED_VALUES


def _drop(folder: Path) -> None:
    shard = folder / "model-00002-of-00002.safetensors"
    weights = load_file(shard)
    weights.pop("lm_head.weight")
    save_file(weights, shard, {"format": "pt"})


def _add(folder: Path) -> None:
    shard = folder / "model-00002-of-00002.safetensors"
    save_file({**load_file(shard), "model.extra": torch.zeros(1)}, shard, {"format": "pt"})


def _cut_short(folder: Path) -> None:
    shard = folder / "model-00001-of-00002.safetensors"
    shard.write_bytes(shard.read_bytes()[:2000])


WRONG: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a tensor is missing": (_drop, "lm_head.weight"),
    "a tensor is unknown": (_add, "model.extra"),
    "shapes differ": (lambda folder: edit(folder / "config.json", intermediate_size=48), "3 tensors|6 tensors"),
    "a damaged file": (_cut_short, "damaged"),
    "no weights": (lambda folder: (folder / INDEX_FILE).unlink(), "2 safetensors files"),
    "a damaged index": (lambda folder: (folder / INDEX_FILE).write_text("[]"), "damaged"),
    "an index that leads elsewhere": (
        lambda folder: edit(folder / INDEX_FILE, weight_map={"lm_head.weight": "../model.safetensors"}),
        "next to it",
    ),
    "pickles": (
        lambda folder: edit(folder / INDEX_FILE, weight_map={"lm_head.weight": "pytorch_model.bin"}),
        "not a safetensors file",
    ),
    "another model": (lambda folder: edit(folder / "config.json", model_type="llava"), "not that of Phi-3 Vision"),
    "other embeddings": (
        lambda folder: edit(folder / "config.json", embd_layer={"embedding_cls": "image"}),
        "not that of Phi",
    ),
    "unknown positions": (lambda folder: edit(folder / "config.json", rope_scaling={"type": "yarn"}), "rope_scaling"),
    "no factors": (lambda folder: edit(folder / "config.json", rope_scaling={"type": "su"}), "lacks a field"),
    "a word for a number": (lambda folder: edit(folder / "config.json", hidden_size="many"), "lacks a field"),
    "no JSON": (lambda folder: (folder / "config.json").write_text("{"), "not valid JSON"),
    "no table": (lambda folder: (folder / "config.json").write_text("[]"), "not a JSON object"),
    "another tower": (lambda folder: edit(folder / "clip_vision_config.json", patch_size=16), "patches of 14"),
}


@pytest.mark.parametrize(("damage", "says"), WRONG.values(), ids=WRONG)
def test_a_wrong_folder_is_told_in_words(folder: Path, damage: Callable[[Path], Any], says: str) -> None:
    damage(folder)
    with pytest.raises(EngineError, match=says):
        load_model(folder, device="cpu")


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"device": "cuda:77"}, "no device"),
        ({"device": "frog"}, "no device"),
        ({"dtype": "int3"}, "no dtype"),
        ({"quantized": "2bit"}, "4bit or 8bit"),
        ({"device": "auto", "max_memory": {"cpu": 4_200_000}, "dtype": "float32"}, "does not fit"),
    ],
)
def test_what_cannot_be_is_told_in_words(asked: dict[str, Any], says: str) -> None:
    with pytest.raises(EngineError, match=says):
        load_model(GOLDEN, **asked)


@pytest.mark.parametrize("name", ["float32", "bfloat16", "float16"])
def test_weights_take_the_number_type_and_positions_stay_exact(name: str) -> None:
    model = load_model(GOLDEN, device="cpu", dtype=name)  # type: ignore[arg-type]
    assert {parameter.dtype for parameter in model.parameters()} == {getattr(torch, name)}
    assert model.model.rotary_emb.inv_freq.dtype == torch.float32
    assert not any(parameter.requires_grad for parameter in model.parameters())


def _last(model: Phi3VisionForCausalLM) -> torch.Tensor:
    with torch.inference_mode():
        return model.next_logits([model.embed([1, 32010, 5, 6, 7], [])])


SPREAD: dict[str, dict[str, Any]] = {
    "by name": {
        "device": {
            "model.embed_tokens": "cpu",
            "model.vision_embed_tokens": "disk",
            "model.layers.0": "cpu",
            "model.layers.1": "disk",
            "model.layers.2": "disk",
            "model.norm": "cpu",
            "model.rotary_emb": "cpu",
            "lm_head": "disk",
        }
    },
    "by memory": {"device": "auto", "max_memory": {"cpu": 4_200_000}},
}


@pytest.mark.parametrize("how", SPREAD.values(), ids=SPREAD)
def test_modules_may_lie_in_several_places(how: dict[str, Any], tmp_path: Path, model: Phi3VisionForCausalLM) -> None:
    spread = load_model(GOLDEN, **how, dtype="float32", offload_folder=tmp_path)
    assert {parameter.device.type for parameter in spread.parameters()} == {"cpu", "meta"}
    assert torch.equal(_last(spread), _last(model))


def test_quantized_weights_without_bitsandbytes_name_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(EngineError, match="quantised"):
        load_model(GOLDEN, device="cpu", quantized="4bit")


@pytest.mark.parametrize(("bits", "off"), [("4bit", 0.15), ("8bit", 0.02)])
def test_quantized_matrices_are_nearly_the_same(bits: Any, off: float, model: Phi3VisionForCausalLM) -> None:
    pytest.importorskip("bitsandbytes")
    small = load_model(GOLDEN, device="cpu", quantized=bits)
    exact, rough = (one.model.layers[0].mlp.gate_up_proj for one in (model, small))
    assert rough.weight.dtype in (torch.uint8, torch.int8)
    assert small.lm_head.weight.dtype == small.model.vision_embed_tokens.glb_GN.dtype == torch.float32
    words = torch.randn(64, exact.in_features)
    assert (rough(words) - exact(words)).norm() < off * exact(words).norm()
    assert _last(small).isfinite().all()


def test_a_folder_may_be_named_as_path_or_as_model(folder: Path) -> None:
    assert source.find(folder, None, None) == source.find(None, str(folder), None) == source.Source(folder, "model")


@pytest.mark.parametrize(
    ("path", "model", "revision", "says"),
    [
        (None, None, None, "Phi-3.5-vision"),
        (Path("nowhere"), None, None, "config.json"),
        (None, "somebody/phi-3-vision-tuned", None, "40 hexadecimal"),
        (None, "somebody/phi-3-vision-tuned", "main", "40 hexadecimal"),
    ],
)
def test_without_a_folder_or_a_commit_nothing_is_fetched(
    path: Path | None, model: str | None, revision: str | None, says: str
) -> None:
    with pytest.raises(EngineError, match=says):
        source.find(path, model, revision)


@pytest.mark.parametrize("model", source.PINNED)
def test_the_hub_is_asked_for_data_at_the_pinned_commit(
    model: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def snapshot_download(name: str, **options: Any) -> str:
        asked.update(options, name=name)
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    assert source.find(None, model, None).folder == folder
    assert (asked["name"], asked["revision"]) == (model, source.PINNED[model])
    assert not any(pattern.endswith((".py", ".bin", "*")) for pattern in asked["allow_patterns"])


def test_a_silent_hub_is_an_engine_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def snapshot_download(*_: Any, **__: Any) -> str:
        raise ConnectionError("no network")

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    with pytest.raises(EngineError, match="network"):
        source.find(None, next(iter(source.PINNED)), None)
