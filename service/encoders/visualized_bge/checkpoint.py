"""Weights of Visualized BGE: BAAI's `.pth` or our safetensors → a model, without holding them twice.

Both kinds of file are mapped into memory, so a tensor that already has the requested dtype costs nothing until it is
used. Tensors that must be changed are read in small groups, and each group's mapping is released before the next.
"""

import hashlib
import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from transformers import PretrainedConfig

from service.encoders.layout import Layout, differences
from service.encoders.visualized_bge.config import Published, VisionConfig
from service.encoders.visualized_bge.model import VisualizedBge
from service.errors import EncoderUnavailable

SAFETENSORS = ".safetensors"
_GROUP = 32
_ROTARY = ("rope.freqs_cos", "rope.freqs_sin")


def empty_model(text: PretrainedConfig, vision: VisionConfig) -> VisualizedBge:
    """The model with shapes but without allocated memory."""
    with torch.device("meta"):
        return VisualizedBge(text, vision)


def used_layout(model: VisualizedBge) -> Layout:
    """Name and shape of every tensor that the model computes with."""
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def published_layout(model: VisualizedBge) -> Layout:
    """Name and shape of every tensor in the published file, those that are never used included."""
    vision, width = model.vision_config, model.text_config.hidden_size
    tower = "model_visual.visual"
    unused: Layout = {
        "bge_pooler.dense.weight": (width, width),
        "bge_pooler.dense.bias": (width,),
        "model_visual.logit_scale": (),
        f"{tower}.norm.weight": (vision.width,),
        f"{tower}.norm.bias": (vision.width,),
        f"{tower}.head.weight": (vision.embed_dim, vision.width),
        f"{tower}.head.bias": (vision.embed_dim,),
    }
    # Every block repeats the rotary tables of the tower.
    table = (vision.image_tokens, vision.head_width)
    repeats = {f"{tower}.blocks.{block}.attn.{name}": table for block in range(vision.layers) for name in _ROTARY}
    return used_layout(model) | unused | repeats


def read_tensors(path: Path, model: Published) -> dict[str, Tensor]:
    """The tensors of a file by name, mapped, on the CPU. Only data is read, never code (`weights_only`).

    Raises `EncoderUnavailable` if the file is missing, or is neither safetensors nor a dictionary of tensors.
    """
    if not path.is_file():
        raise EncoderUnavailable(f"There is no file {path}. {_what_to_do(model)}")
    try:
        tensors = _read_safetensors(path) if path.suffix == SAFETENSORS else _read_torch(path)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError, SafetensorError) as error:
        raise EncoderUnavailable(f"{path} is not a weight file, or it is damaged. {_what_to_do(model)}") from error
    if not isinstance(tensors, Mapping) or not all(isinstance(value, Tensor) for value in tensors.values()):
        raise EncoderUnavailable(f"{path} contains something other than named tensors. {_what_to_do(model)}")
    return {name: tensor.detach() for name, tensor in tensors.items()}


def check_layout(tensors: Mapping[str, Tensor], expected: Layout, path: Path, model: Published) -> None:
    """Raise `EncoderUnavailable`, naming what differs, unless names and shapes are exactly the expected ones."""
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if faults := differences(found, expected):
        raise EncoderUnavailable(f"{path} does not contain {model.id}: {faults}. {_what_to_do(model)}")


def load_model(
    path: Path,
    model: Published,
    text: PretrainedConfig,
    vision: VisionConfig,
    *,
    device: torch.device,
    dtype: torch.dtype,
) -> tuple[VisualizedBge, str]:
    """The model with the weights of `path`, ready to compute, and a hash of those weights as they are stored.

    The hash does not depend on the kind of file: a `.pth` and what was converted from it have the same. Raises
    `EncoderUnavailable` if the file does not fit.
    """
    net = empty_model(text, vision)
    used = used_layout(net)
    check_layout(read_tensors(path, model), used if path.suffix == SAFETENSORS else published_layout(net), path, model)
    digest, state = hashlib.sha256(), {}
    for name, tensor in _in_groups(path, model, sorted(used)):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
        # Rotary tables keep all their bits: they are small, and angles suffer most from rounding.
        state[name] = tensor.to(device, torch.float32 if name.endswith(_ROTARY) else dtype)
    net.load_state_dict(state, strict=True, assign=True)
    return net.requires_grad_(False).eval(), digest.hexdigest()


def _in_groups(path: Path, model: Published, names: list[str]) -> Iterator[tuple[str, Tensor]]:
    for start in range(0, len(names), _GROUP):
        held = read_tensors(path, model)
        for name in names[start : start + _GROUP]:
            yield name, held[name]


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    with safe_open(path, framework="pt", device="cpu") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dictionary)


def _read_torch(path: Path) -> object:
    return torch.load(path, map_location="cpu", weights_only=True, mmap=True)


def _what_to_do(model: Published) -> str:
    return (
        f"Expected {model.file} as BAAI published it, or the folder that `withthis models convert` made of it. "
        f"To download it: {model.download}"
    )
