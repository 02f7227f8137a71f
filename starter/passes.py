"""The embedder's forward passes: compiled graphs where they give what torch gives, else torch's modules."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import torch
from torch import Tensor, nn

from service.encoders.compiled.choice import Pass, compiled
from service.encoders.options import BackendName
from starter.backbone import CELLS, FEATURES, SIDE, Backbone
from starter.composer import Composer, ImageTokens, PooledMiniLM
from starter.minilm import WIDTH, MiniLM

GRAPHS = files("starter").joinpath("weights", "graphs")
"""Made by `python -m starter.training.export_graphs`, again where one of the modules below changes."""

AT_ONCE = 2
"""Images that a compiled backbone sees at once: the numbers of more fall out of the processor's cache. On two threads
of an EPYC, milliseconds an image: 8.1 by itself, 6.2 by two, 6.6 by four, 9.6 by eight, 10.5 by sixty-four."""


@dataclass(frozen=True, slots=True)
class InParts:
    """A pass of images that sees `AT_ONCE` of them at once."""

    whole: Pass

    def __call__(self, pixels: Tensor) -> Tensor:
        """What the whole pass gives."""
        return torch.cat([self.whole(part) for part in torch.split(pixels, AT_ONCE)])


@dataclass(frozen=True, slots=True)
class Passes:
    """What computes a vector. Unlike the modules that they are made from, they hold no weights twice.

    `cells`: pixels [n, 3, 224, 224] → [n, 49, 1280]; `tokens`: cells → image tokens [n, 8, 384]; `pool`: embedded
    tokens [n, t, 384] and their mask [n, t] → unit vectors [n, 384]; `words`: MiniLM's word vectors.
    """

    cells: Pass
    tokens: Pass
    pool: Pass
    words: nn.Embedding

    @classmethod
    def of(cls, backbone: Backbone, composer: Composer, backend: BackendName) -> "Passes":
        """The passes of a merged model."""
        cells = _compiled("cells", backbone, backend)
        return cls(
            cells if cells is backbone else InParts(cells),
            _compiled("tokens", composer.images, backend),
            pool(composer.bert, backend),
            composer.bert.embeddings.word_embeddings,
        )


def pool(bert: MiniLM, backend: BackendName) -> Pass:
    """The pass of `Passes.pool` for a MiniLM."""
    return _compiled("pool", PooledMiniLM(bert), backend)


def example(name: str, rows: int, length: int) -> Sequence[Tensor]:
    """Random inputs of a pass; the last row of tokens is padded."""
    draw = torch.Generator().manual_seed(0)
    match name:
        case "cells":
            return (torch.randn(rows, 3, SIDE, SIDE, generator=draw),)
        case "tokens":
            return (torch.randn(rows, CELLS, FEATURES, generator=draw).relu(),)
    mask = torch.ones(rows, length, dtype=torch.long)
    mask[-1, length // 2 :] = 0
    return (0.05 * torch.randn(rows, length, WIDTH, generator=draw), mask)


def compiled_pass(name: str, module: nn.Module, inputs: Sequence[Tensor], backend: BackendName) -> Pass:
    """A pass by the graph of its name that ships. `inputs`: of other lengths than it was exported with."""
    graph = GRAPHS.joinpath(f"{name}.onnx")
    return compiled(module, graph.read_bytes, inputs, backend=backend, name=f"starter ({name})")


def _compiled(name: str, module: Backbone | ImageTokens | PooledMiniLM, backend: BackendName) -> Pass:
    return compiled_pass(name, module, example(name, 1, 6), backend)
