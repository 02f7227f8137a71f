"""Published weights → a model, on one device or over several.

The names and shapes in the files are compared with the model's before anything is loaded, so that a wrong file is
reported in plain words, within a second, and without eight gigabytes of memory.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, get_args

import torch
from accelerate import dispatch_model, init_empty_weights
from accelerate.utils import get_balanced_memory, infer_auto_device_map, load_checkpoint_in_model
from safetensors import SafetensorError, safe_open

from rerank.engines.phi3_vision.config import Phi3VisionConfig, read_config
from rerank.engines.phi3_vision.model import Phi3VisionForCausalLM
from rerank.engines.phi3_vision.quantization import Bits, quantize
from rerank.errors import EngineError

__all__ = ["DtypeName", "Placement", "empty_model", "load_model", "shapes"]

DtypeName = Literal["auto", "float32", "bfloat16", "float16"]
Placement = str | Mapping[str, int | str]
"""A device ("cpu", "cuda:1"), a distribution over all ("auto", "balanced", "sequential"), or module → device."""

INDEX_FILE = "model.safetensors.index.json"
_SPREAD = ("auto", "balanced", "balanced_low_0", "sequential")
_WHOLE = ["Phi3DecoderLayer", "ImageEmbedding"]
"""Modules that stay on one device: both add their input to their output."""


def load_model(
    folder: Path,
    *,
    device: Placement = "auto",
    dtype: DtypeName = "auto",
    quantized: Bits | None = None,
    max_memory: Mapping[int | str, int | str] | None = None,
    offload_folder: Path | None = None,
) -> Phi3VisionForCausalLM:
    """Load a folder in the published layout.

    Args:
        folder: config.json and safetensors, in one file or in shards with their index.
        device: where the model goes. "auto" spreads it over all GPUs, and over CPU memory if they are too small.
        dtype: "auto" is bfloat16 (or float16 on older cards) on a GPU and float32 on the CPU.
        quantized: "4bit" or "8bit" through bitsandbytes, on one device.
        max_memory: limits by device for the spreading, as accelerate takes them.
        offload_folder: where modules go that fit neither GPUs nor CPU memory, or that `device` sends to "disk".

    Raises:
        EngineError: the files are not those of this model, or it cannot be placed as asked.
        OSError: a file is missing.
    """
    model = empty_model(read_config(folder))
    checkpoint = _check(model, folder)
    number = _dtype(dtype, device)
    if quantized is not None:
        load_checkpoint_in_model(model, str(checkpoint), device_map={"": "cpu"}, dtype=number, strict=True)
        return _ready(quantize(model, quantized, _one_device(device)))
    places = _device_map(model, device, number, max_memory)
    if "disk" in places.values() and (offload_folder is None or set(places.values()) == {"disk"}):
        raise EngineError("The model does not fit this machine's memory. Use quantized weights or a smaller dtype.")
    load_checkpoint_in_model(
        model, str(checkpoint), device_map=places, dtype=number, strict=True, offload_folder=offload_folder
    )
    return _ready(dispatch_model(model, places, offload_dir=offload_folder, skip_keys=["past_key_values"]))


def empty_model(config: Phi3VisionConfig) -> Phi3VisionForCausalLM:
    """The model on the meta device, without memory for its weights; computed tables are real."""
    with init_empty_weights():
        return Phi3VisionForCausalLM(config)


def shapes(file: Path) -> dict[str, tuple[int, ...]]:
    """Name → shape of every tensor in a safetensors file, from its header. EngineError if it is damaged."""
    try:
        with safe_open(file, framework="pt") as opened:
            return {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise EngineError(f"{file.name} is damaged. Download the model again.") from error


def _ready(model: torch.nn.Module) -> Phi3VisionForCausalLM:
    assert isinstance(model, Phi3VisionForCausalLM)
    model.requires_grad_(False)
    model.eval()  # type: ignore[no-untyped-call]
    return model


def _check(model: Phi3VisionForCausalLM, folder: Path) -> Path:
    """The index, or the single file, whose tensors are exactly those of the model."""
    checkpoint = folder / INDEX_FILE
    if not checkpoint.is_file():
        checkpoint = _single(folder)
    stored = {name: shape for file in _files(checkpoint) for name, shape in shapes(file).items()}
    wanted = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    faults = sorted(name for name in stored.keys() | wanted.keys() if stored.get(name) != wanted.get(name))
    if faults:
        raise EngineError(
            f"The weights do not match config.json: {len(faults)} tensors are missing, unknown or of another shape, "
            f"the first is {faults[0]}. Download the model again."
        )
    return checkpoint


def _single(folder: Path) -> Path:
    """The one safetensors file of a folder without an index."""
    found = sorted(folder.glob("*.safetensors"))
    if len(found) != 1:
        raise EngineError(f"{folder.name} has no {INDEX_FILE} and {len(found)} safetensors files instead of one.")
    return found[0]


def _files(checkpoint: Path) -> Iterator[Path]:
    """The safetensors files of an index, or the file itself. Names that lead out of the folder are refused."""
    if checkpoint.name != INDEX_FILE:
        yield checkpoint
        return
    try:
        names = set(json.loads(checkpoint.read_text(encoding="utf-8"))["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EngineError(f"{checkpoint.name} is damaged. Download the model again.") from error
    for name in sorted(map(str, names)):
        if Path(name).name != name or not name.endswith(".safetensors"):
            raise EngineError(f"{checkpoint.name} names {name!r}, which is not a safetensors file next to it.")
        yield checkpoint.parent / name


def _device_map(
    model: Phi3VisionForCausalLM,
    device: Placement,
    dtype: torch.dtype,
    max_memory: Mapping[int | str, int | str] | None,
) -> dict[str, int | str]:
    """Module → device. A single GPU that fits everything gets everything."""
    if not isinstance(device, str):
        return dict(device)
    if device not in _SPREAD or not (torch.cuda.is_available() or max_memory):
        return {"": _one_device(device)}
    memory = dict(max_memory) if max_memory else None
    if device != "sequential":
        low = device == "balanced_low_0"
        memory = get_balanced_memory(model, memory, _WHOLE, dtype=dtype, low_zero=low)
    return dict(infer_auto_device_map(model, memory, _WHOLE, dtype=dtype))


def _one_device(device: Placement) -> str:
    """A single device by name; "auto" takes the best one here. EngineError if torch has no such device."""
    if not isinstance(device, str) or device in _SPREAD:
        return next((kind for kind in ("cuda", "mps") if getattr(torch, kind).is_available()), "cpu")
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # an unknown name; a torch without CUDA asserts
        raise EngineError(f"This machine has no device {device!r} that torch can use. Take auto or cpu.") from error
    return device


def _dtype(name: DtypeName, device: Placement) -> torch.dtype:
    if name not in get_args(DtypeName):
        raise EngineError(f"There is no dtype {name!r}. Take one of {', '.join(get_args(DtypeName))}.")
    if name != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[name]
    if torch.device(_one_device(device)).type != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
