"""The dtype `fast`: bfloat16 where the processor computes in it and embeddings stay what they are in float32."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace

import torch

from service.encoders.device import DtypeName, resolve_device
from service.encoders.encoder import Encoder
from service.encoders.options import EncoderOptions
from service.encoders.probe import examples

LEAST_COSINE = 0.998
"""To the embedding in float32, of each example. Both can then be in one collection; see `docs/models.md`."""
_INSTRUCTIONS = ("avx512_bf16", "amx_bf16")
"""Those of which torch makes use, by its own names; where they are missing it computes slower than in float32."""
_log = logging.getLogger(__name__)

DtypeLoader = Callable[[EncoderOptions, DtypeName], Encoder]


def load_fast(load: DtypeLoader, options: EncoderOptions) -> Encoder:
    """The encoder in bfloat16, or in float32 with the back end of the options; the log says which and why.

    Other devices than a CPU take what `auto` is there. The encoder is loaded in float32 first and freed again, so that
    no more memory is needed than for that.
    """
    if resolve_device(options.device).type != "cpu":
        return load(options, "auto")
    if not computes_in_bfloat16():
        _log.info("the encoder computes in float32: this processor or torch has no instructions for bfloat16")
        return load(options, "float32")
    encoder = load(replace(options, backend="torch"), "float32")
    queries = examples(encoder.info)
    expected = encoder.encode(queries).vectors
    del encoder
    encoder = load(options, "bfloat16")
    cosine = float((encoder.encode(queries).vectors * expected).sum(axis=1).min())
    if cosine >= LEAST_COSINE:  # not if a number is NaN
        _log.info("the encoder computes in bfloat16: the cosine of its embeddings to those in float32 is %.4f", cosine)
        return encoder
    del encoder
    _log.warning("the encoder computes in float32: in bfloat16, the cosine of its embeddings is only %.4f", cosine)
    return load(options, "float32")


def computes_in_bfloat16() -> bool:
    """Whether torch multiplies matrices of bfloat16 by the processor's own instructions. x86 alone was measured."""
    ask = getattr(torch.cpu, "get_capabilities", dict)  # not in every torch that is supported
    found: Mapping[str, object] = ask()
    return any(found.get(name, False) for name in _INSTRUCTIONS)
