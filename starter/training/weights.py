"""The format of the shipped weights: float16 in safetensors."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor


def export(state: Mapping[str, Tensor], begun: Mapping[str, Tensor], path: Path) -> None:
    """Write the weights to ship; where a run was begun with others (`begun`), the mean of both.

    A tuned model and the one before it have each learned something of their own; the mean of their weights keeps most
    of both (Wortsman et al., "Robust fine-tuning of zero-shot models", arXiv 2109.01903).
    """
    path.parent.mkdir(exist_ok=True)
    mean = {name: (value + begun[name]) / 2 if begun else value for name, value in state.items()}
    save_file({name: value.to(torch.float16).contiguous() for name, value in mean.items()}, path)
