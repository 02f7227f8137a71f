"""Graphs of torch modules, without their weights; needs the package onnx, which only this module does."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
import torch
from torch import Tensor, nn

Axes = Mapping[int, str]
"""The axes of an input whose length is free, by name: the same name is the same length."""


def export(module: nn.Module, example: Sequence[Tensor], axes: Sequence[Axes]) -> bytes:
    """The graph of `module` for inputs like `example`, whose `axes` may have any length.

    torch's exporter by tracing is used, which keeps the names of the parameters.
    """
    module.eval()  # else the exporter leaves all parts of it as they are trained
    unsaved = [(part, set(part._non_persistent_buffers_set)) for part in module.modules()]
    for part, _ in unsaved:
        part._non_persistent_buffers_set.clear()  # weights that no checkpoint holds would be constants of the graph
    names = [f"input{place}" for place in range(len(example))]
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # one operation that ONNX does not know
    try:
        with warnings.catch_warnings(), torch.no_grad(), TemporaryDirectory() as folder:
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module,
                tuple(example),
                written := Path(folder) / "graph.onnx",
                dynamo=False,
                input_names=names,
                output_names=["output"],
                dynamic_axes={name: dict(some) for name, some in zip(names, axes, strict=True)},
                export_params=False,  # which makes inputs of them
                keep_initializers_as_inputs=True,  # else parameters of equal values become one
                do_constant_folding=False,  # it would rename what it folds; ONNX Runtime folds when it compiles
            )
            graph = onnx.load(written)
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for part, buffers in unsaved:
            part._non_persistent_buffers_set.update(buffers)
    return _with_weights_elsewhere(graph, set(names))


def _with_weights_elsewhere(model: onnx.ModelProto, inputs: set[str]) -> bytes:
    """The graph with those of its inputs that are parameters declared as weights that are kept elsewhere."""
    graph = model.graph
    used = {name for node in graph.node for name in node.input}
    weights = [node for node in graph.input if node.name in used - inputs]
    for weight in weights:
        kind = weight.type.tensor_type
        kept = graph.initializer.add(
            name=weight.name, data_type=kind.elem_type, data_location=onnx.TensorProto.EXTERNAL
        )
        kept.dims.extend(size.dim_value for size in kind.shape.dim)
        kept.external_data.add(key="location", value="weights")
    given = [node for node in graph.input if node.name in inputs]
    del graph.input[:]
    graph.input.extend(given)
    for node in graph.node:
        node.ClearField("doc_string")  # the trace's file names and lines
    return bytes(model.SerializeToString())
