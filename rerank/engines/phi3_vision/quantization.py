"""Quantization of the decoder's matrices, through bitsandbytes (extra `quantised`)."""

from types import ModuleType
from typing import Any, Literal, TypeVar, get_args

from torch import nn
from transformers import Phi3ForCausalLM

from rerank.errors import EngineError

__all__ = ["Bits", "quantize"]

Bits = Literal["4bit", "8bit"]

_Model = TypeVar("_Model", bound=Phi3ForCausalLM)


def quantize(model: _Model, bits: Bits, device: str) -> _Model:
    """Replace the matrices of the decoder's layers in a loaded model, and move it to its device.

    Vision tower, word embedding and output stay unchanged: an eighth of the weights, where precision matters most.

    Raises:
        EngineError: unsupported number of bits, or bitsandbytes is not installed.
    """
    if bits not in get_args(Bits):
        raise EngineError(f"Weights can be quantized to {' or '.join(get_args(Bits))}, not {bits!r}.")
    library = _bitsandbytes()
    for layer in model.model.layers:
        for name, linear in list(layer.named_modules()):
            if isinstance(linear, nn.Linear):
                parent, _, own = name.rpartition(".")
                setattr(layer.get_submodule(parent), own, _quantized(library, linear, bits))
    model.to(device)  # type: ignore[arg-type]  # here the weights are quantized
    return model


def _quantized(library: ModuleType, linear: nn.Linear, bits: Bits) -> nn.Module:
    """The same matrix for bitsandbytes; it is quantized when moved to a device."""
    size: Any = (linear.in_features, linear.out_features)
    if bits == "4bit":
        small = library.nn.Linear4bit(*size, bias=False, compute_dtype=linear.weight.dtype, quant_type="nf4")
        small.weight = library.nn.Params4bit(linear.weight.data, requires_grad=False, quant_type="nf4")
    else:
        small = library.nn.Linear8bitLt(*size, bias=False, has_fp16_weights=False)
        small.weight = library.nn.Int8Params(linear.weight.data, requires_grad=False, has_fp16_weights=False)
    made: nn.Module = small
    return made


def _bitsandbytes() -> ModuleType:
    try:
        import bitsandbytes  # noqa: PLC0415 (optional, and slow to import)
    except ImportError as error:
        raise EngineError("Quantized weights need bitsandbytes: pip install 'withthis[quantised]'.") from error
    module: ModuleType = bitsandbytes
    return module
