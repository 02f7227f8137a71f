"""The embedder's forward passes: compiled graphs where they give what torch gives, else torch's modules."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files

import torch
from torch import Tensor, nn

from service.encoders.compiled.choice import Pass, compiled
from service.encoders.compiled.spread import Spread
from service.encoders.options import BackendName
from starter.backbone import CELLS, FEATURES, SIDE, Backbone
from starter.composer import Composer, ImageTokens, PooledMiniLM
from starter.minilm import WIDTH, MiniLM

GRAPHS = files("starter").joinpath("weights", "graphs")
"""Made by `python -m starter.training.export_graphs`, again where one of the modules below changes."""

_ROWS: dict[str, int] = {"cells": 2, "tokens": 8, "pool": 8}
"""Rows of a part of a compiled pass: fewer waste the reading of weights, the numbers of more fall out of the core's
cache. Milliseconds a row by parts of 1, 2, 4 and 8 on one thread of an EPYC, of cells 10.5, 9.3, 10.0 and 13.5, of
tokens 3.5, 2.6, 2.2 and 1.9, of pool with 16 tokens 6.4, 5.9, 4.4 and 3.9."""
_TORCH_ROWS = 4
"""Of a part of the backbone on torch, which uses all threads for it."""


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
        """The passes of a merged model. They are compiled at the same time, mostly without the interpreter's lock."""
        with ThreadPoolExecutor(thread_name_prefix="compiling") as threads:
            parts = [
                threads.submit(_spread, "cells", backbone, backend),
                threads.submit(_spread, "tokens", composer.images, backend),
                threads.submit(pool, composer.bert, backend),
            ]
        cells, tokens, pooled = (part.result() for part in parts)
        return cls(
            Spread(backbone, _TORCH_ROWS, threads=1) if cells is backbone else cells,
            tokens,
            pooled,
            composer.bert.embeddings.word_embeddings,
        )


def pool(bert: MiniLM, backend: BackendName) -> Pass:
    """The pass of `Passes.pool` for a MiniLM."""
    return _spread("pool", PooledMiniLM(bert), backend)


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


def compiled_pass(
    name: str, module: nn.Module, inputs: Sequence[Tensor], backend: BackendName, *, threads: int | None = None
) -> Pass:
    """A pass by the graph of its name that ships. `inputs`: of other lengths than it was exported with."""
    graph = GRAPHS.joinpath(f"{name}.onnx")
    return compiled(module, graph.read_bytes, inputs, backend=backend, name=f"starter ({name})", threads=threads)


def _spread(name: str, module: Backbone | ImageTokens | PooledMiniLM, backend: BackendName) -> Pass:
    found = compiled_pass(name, module, example(name, 1, 6), backend, threads=1)
    return found if found is module else Spread(found, _ROWS[name])
