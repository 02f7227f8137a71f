"""The two forward passes of a Visualized BGE, in torch or compiled: images to tokens, and a sequence to its vector."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as fn
from transformers import PretrainedConfig

from service.encoders.compiled.cache import exported
from service.encoders.compiled.choice import Pass, compiled
from service.encoders.options import BackendName
from service.encoders.visualized_bge.config import VisionConfig

Tensors = Sequence[Tensor]
LONGEST = 1024
"""Tokens up to which the text encoder is compiled: a graph's attention takes memory with the square of the length."""

_TOKENS = 400
"""Tokens that a compiled pass sees at once: the numbers of more fall out of the processor's cache."""


class ImagePass(nn.Module):
    """Normalized pixels [n, 3, size, size] → image tokens [n, patches, width] in the text encoder's space."""

    def __init__(self, visual: nn.Module, projection: nn.Linear) -> None:
        super().__init__()
        self.visual, self.projection = visual, projection

    def forward(self, pixels: Tensor) -> Tensor:
        """See the class."""
        out: Tensor = self.projection(self.visual(pixels.to(self.projection.weight.dtype)))
        return out


class SequencePass(nn.Module):
    """Embedded tokens [n, t, width] → the text encoder's output at CLS, a float32 unit vector [n, width].

    The mask is bool [n, t], False for padding; None: nothing is padded.
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, sequence: Tensor, mask: Tensor | None = None) -> Tensor:
        """See the class."""
        seen = None if mask is None else mask[:, None, None, :]
        hidden = self.encoder(sequence, attention_mask=seen).last_hidden_state
        return fn.normalize(hidden[:, 0].float(), dim=-1)


def compile_images(module: ImagePass, vision: VisionConfig, backend: BackendName) -> Pass:
    """The pass of float32 weights on the CPU; see `compiled`."""
    shape = (3, vision.image_size, vision.image_size)
    found = _compiled(module, ([torch.randn(2, *shape)], [torch.randn(1, *shape)]), vision, backend, "images")
    if found is module:
        return module
    rows = max(1, _TOKENS // vision.image_tokens)
    return lambda pixels: torch.cat([found(part) for part in torch.split(pixels, rows)])


def compile_sequences(module: SequencePass, text: PretrainedConfig, backend: BackendName) -> Pass:
    """The same; a sequence that is longer than `LONGEST` goes through the module itself."""
    inputs = _sequences(text, 2, 9), _sequences(text, 1, 6)
    found = _compiled(module, inputs, text.to_json_string(), backend, "texts")
    if found is module:
        return module

    def read(sequence: Tensor, mask: Tensor | None = None) -> Tensor:
        if sequence.shape[1] > LONGEST:
            return torch_pass(sequence, mask)
        every = torch.ones(sequence.shape[:2], dtype=torch.bool) if mask is None else mask
        rows = max(1, _TOKENS // sequence.shape[1])
        return torch.cat(
            [found(*parts) for parts in zip(torch.split(sequence, rows), torch.split(every, rows), strict=True)]
        )

    # Weights of a model whose sequences all fit are not kept twice.
    torch_pass: Pass = module if text.max_position_embeddings > LONGEST else _too_long
    return read


def _too_long(sequence: Tensor, mask: Tensor | None = None) -> Tensor:
    raise ValueError(f"{sequence.shape[1]} tokens are more than the text encoder has positions for")


def _sequences(text: PretrainedConfig, rows: int, length: int) -> Tensors:
    mask = torch.ones(rows, length, dtype=torch.bool)
    mask[-1, length // 2 :] = False
    return [torch.randn(rows, length, text.hidden_size), mask]


def _compiled(
    module: nn.Module, inputs: tuple[Tensors, Tensors], facts: object, backend: BackendName, name: str
) -> Pass:
    """`inputs`: what the graph is exported with, and others that it is checked with."""
    example, other = inputs
    axes = [{0: "n"}] if len(example) == 1 else [{0: "n", 1: "t"}] * 2
    graph = partial(exported, module, example, axes, facts)
    return compiled(module, graph, other, backend=backend, name=f"Visualized BGE ({name})")
