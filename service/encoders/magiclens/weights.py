"""Weights of MagicLens: the published pickle or our safetensors → a model.

Both have the same tensors under the same names, and numbers of the same type; only the container differs.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from service.encoders.layout import differences
from service.encoders.magiclens.files import what_to_do
from service.encoders.magiclens.flax_file import read_flax
from service.encoders.magiclens.layout import layout, places
from service.encoders.magiclens.network import MagicLens
from service.encoders.magiclens.sizes import Sizes, sizes_of
from service.errors import EncoderUnavailable

_NUMBERS = (torch.float32, torch.float16, torch.bfloat16)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], Sizes]:
    """The tensors of a file as they are there, and what model they make. Only data is read, never code.

    Raises `EncoderUnavailable` unless they are exactly those of a MagicLens.
    """
    tensors = _read_safetensors(path) if path.suffix == ".safetensors" else read_flax(path)
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    sizes = sizes_of(shapes)
    if faults := differences(shapes, layout(sizes)):
        raise EncoderUnavailable(f"{path} is not a MagicLens: {faults}. {what_to_do()}")
    if odd := {str(tensor.dtype) for tensor in tensors.values() if tensor.dtype not in _NUMBERS}:
        raise EncoderUnavailable(f"{path} has numbers of another type: {', '.join(sorted(odd))}. {what_to_do()}")
    return tensors, sizes


def load_model(path: Path, *, device: torch.device, dtype: torch.dtype) -> tuple[MagicLens, str]:
    """The model with the weights of `path`, ready to compute, and a hash of those weights as they are stored.

    The hash does not depend on the container. Raises `EncoderUnavailable` if the file does not fit.
    """
    tensors, sizes = read_tensors(path)
    with torch.device("meta"):
        net = MagicLens(sizes)
    digest, state = hashlib.sha256(), {}
    for place in sorted(places(sizes), key=lambda place: place.name):
        tensor = tensors.pop(place.name)
        digest.update(f"{place.name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
        state[place.target] = place.turn(tensor).to(device, dtype).contiguous()
    net.load_state_dict(state, strict=True, assign=True)
    net.restore_positions(device)
    return net.requires_grad_(False).eval(), digest.hexdigest()


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, ValueError, SafetensorError) as error:
        raise EncoderUnavailable(f"{path} is not a weight file, or it is damaged. {what_to_do()}") from error
