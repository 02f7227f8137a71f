"""Checkpoints in other forms → folders that `Checkpoint.open` takes: pickled weights, and open_clip's SigLIP."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from service.encoders.clip_family import open_clip
from service.encoders.clip_family.checkpoint import (
    CONFIG,
    FILES,
    PICKLED,
    WEIGHTS,
    find,
    matching_files,
    read_json,
)
from service.encoders.new_folder import new_folder
from service.errors import EncoderUnavailable


def convert(source: Path | str, target: Path, revision: str | None = None) -> Path:
    """Write the folder `target` from a checkpoint; returns its file of weights. It is created atomically.

    Pickles are read with `weights_only`: they can contain tensors, but no code. Other files are copied as they are.
    Raises `ConfigurationError` if `target` exists, and `EncoderUnavailable`.
    """
    folder = find(source, revision, (*FILES, PICKLED, open_clip.CONFIG, open_clip.WEIGHTS))
    with new_folder(target) as draft:
        for path in matching_files(folder, FILES):
            shutil.copyfile(path, draft / path.name)
        if (folder / open_clip.WEIGHTS).is_file():
            tensors = _from_open_clip(folder, draft)
        else:
            tensors = _unpickled(folder / PICKLED, str(source))
        save_file(tensors, draft / WEIGHTS, metadata={"format": "pt"})
    return target / WEIGHTS


def _from_open_clip(folder: Path, draft: Path) -> dict[str, Tensor]:
    """The weights in transformers' names; the configuration is written beside them."""
    try:
        tensors = load_file(folder / open_clip.WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise EncoderUnavailable(f"{folder / open_clip.WEIGHTS} is damaged. Download it again.") from error
    config = open_clip.siglip_config(read_json(folder / open_clip.CONFIG), tensors)
    written = {**config.to_dict(), "text_cleaning": "canonicalize"}
    (draft / CONFIG).write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    return open_clip.in_transformers_names(tensors, config)


def _unpickled(pickled: Path, source: str) -> dict[str, Tensor]:
    if not pickled.is_file():
        raise EncoderUnavailable(f"{source} has no {PICKLED}, so there is nothing to convert.")
    try:
        state = torch.load(pickled, map_location="cpu", weights_only=True, mmap=True)
        return {name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in state.items()}
    except Exception as error:  # unpickling untrusted bytes may return anything
        raise EncoderUnavailable(f"{pickled} is damaged or contains more than tensors. Download it again.") from error
