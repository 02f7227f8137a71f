"""Which back end computes a forward pass: a compiled graph where that gives the same, else torch."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from service.encoders.options import BackendName

Pass = Callable[..., Tensor]
_TOLERANCE = 1e-4
_log = logging.getLogger(__name__)


def compiled(
    module: nn.Module,
    graph: Callable[[], bytes],
    example: Sequence[Tensor],
    *,
    backend: BackendName,
    name: str,
    threads: int | None = None,
) -> Pass:
    """The forward pass of `module`, a float32 model on the CPU, as the graph that `graph` reads; on one thread in a
    pass that is `Spread`, else on as many as torch uses.

    Where `backend` is torch, ONNX Runtime or the graph is missing, or the graph's output for `example` is farther than
    1e-4 from the module's (of its largest number, if that is above 1), it is the module itself; the log says so. Take
    an `example` of other lengths than the graph was exported with.
    """
    if backend == "torch":
        return module
    try:
        from service.encoders.compiled.graph import CompiledPass  # noqa: PLC0415 (ONNX Runtime may be missing)

        found = CompiledPass(graph(), dict(module.named_parameters()) | dict(module.named_buffers()), threads)
        difference = _difference(module, found, example)
    except Exception as error:  # declared fault boundary: ONNX Runtime has exceptions of many kinds, and torch is there
        _log.warning("%s runs on torch: ONNX Runtime cannot be used for it (%s)", name, error)
        return module
    if not difference <= _TOLERANCE:  # also if a number is NaN
        _log.warning("%s runs on torch: ONNX Runtime differs by %.1e on this machine", name, difference)
        return module
    return found


@torch.inference_mode()
def _difference(module: nn.Module, found: Pass, example: Sequence[Tensor]) -> float:
    expected, output = module(*example), found(*example)
    if output.shape != expected.shape:
        return float("inf")
    return float((output - expected).abs().max() / expected.abs().max().clamp(min=1))
