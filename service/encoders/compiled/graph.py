"""A forward pass on the CPU as a graph of ONNX Runtime, which computes the same as torch in less time.

A graph file holds operations and no weights, so that it is small, belongs to an architecture rather than to a
checkpoint, and can be shipped or cached; weights come from the loaded model, by the names that they have there. ONNX
Runtime keeps copies in a layout of its own, so the model's can be freed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import torch
from torch import Tensor

from service.encoders.compiled.runtime import onnxruntime

_NAME_FIELD = 0x42
"""Field 8, a string: the name of a tensor in a serialized graph (`TensorProto` in onnx.proto)."""
_LARGEST_FOLDED = 1 << 18
"""Bytes of the largest constant that is computed in advance. Tables of positions are; a transposed weight would be
one copy more of it until the graph is compiled, and its matrix product is as fast without."""
_WARNINGS_LEFT_OUT = 3
"""Of ONNX Runtime's log levels: errors alone."""


class CompiledPass:
    """A function of tensors on the CPU. Calls may come from several threads."""

    def __init__(self, graph: bytes, weights: Mapping[str, Tensor], threads: int | None = None) -> None:
        """Compile for so many threads, or as many as torch uses. `weights`: at least those that the graph names,
        float32. With one thread a pass computes in that of its caller, and a fork can use it.

        Raises whatever ONNX Runtime raises for a graph that is damaged or lacks weights.
        """
        needed = [name for name in weights if _names(graph, name)]
        values = [weights[name].detach().contiguous().numpy() for name in needed]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or torch.get_num_threads()
        options.log_severity_level = _WARNINGS_LEFT_OUT
        options.enable_cpu_mem_arena = False  # it never gives back what the largest batch took
        if threads == 1:  # which sees parts of a batch
            _keep_memory()
            options.add_session_config_entry("session.use_env_allocators", "1")
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # idle threads leave cores to others
        options.add_session_config_entry("optimization.constant_folding_max_output_size_in_bytes", str(_LARGEST_FOLDED))
        options.add_external_initializers(needed, [onnxruntime.OrtValue.ortvalue_from_numpy(value) for value in values])
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self._inputs = [node.name for node in self._session.get_inputs()]

    def __call__(self, *inputs: Tensor) -> Tensor:
        """The graph's one output for its inputs, in their order."""
        feeds = {name: tensor.contiguous().numpy() for name, tensor in zip(self._inputs, inputs, strict=True)}
        (output,) = self._session.run(None, feeds)
        return torch.from_numpy(output)


@cache
def _keep_memory() -> None:
    """Keep the memory of passes on one thread for the next pass, in one arena for all of them.

    What malloc maps for each pass of another thread than the first has to be cleared each time: that took a tenth
    of the time of the bundled backbone, and after batches of many sizes the process held 290 MB more, since what it
    freed was scattered over its heap.
    """
    cpu = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    as_requested = onnxruntime.OrtArenaCfg({"arena_extend_strategy": 1})  # else it takes powers of two
    onnxruntime.create_and_register_allocator(cpu, as_requested)


def _names(graph: bytes, name: str) -> bool:
    """Whether the graph has a weight of that name; ONNX Runtime refuses others."""
    written = name.encode()
    length = len(written)  # a varint: seven bits a byte, the lowest first
    prefix = (length,) if length < 0x80 else (length & 0x7F | 0x80, length >> 7)
    return bytes((_NAME_FIELD, *prefix)) + written in graph
