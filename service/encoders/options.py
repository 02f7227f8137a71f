"""What the settings say of an encoder, for whichever is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

BackendName = Literal["auto", "torch"]
"""What computes a model on the CPU; see `service.encoders.compiled`."""

EncoderDtypeName = Literal["auto", "fast", "float32", "bfloat16", "float16"]
"""Those of `service.encoders.device`, and `fast`; see `service.encoders.fast_dtype`."""

Fit = Literal["crop", "pad"]
"""How an image gets into a model's square: its middle, or all of it with a border."""

DialectName = Literal["vllm", "openai", "cohere", "voyage", "jina"]
"""What embedding servers speak; see `service.encoders.remote.dialects`."""


@dataclass(frozen=True, slots=True)
class Instructions:
    """What texts are to be read for, where a query does not say; None: as the model is used without one."""

    query: str | None = None
    document: str | None = None


@dataclass(frozen=True, slots=True)
class EncoderOptions:
    """Each encoder reads what concerns it. `path`, `text_model`: None takes the usual weights; `batch`: images encoded
    at once while indexing; `backend`: of a model on the CPU; `text_weight`: share of the text where a composed vector
    is a sum; `dimensions`: None takes the model's own. From `url` on they are for encoders behind a server.
    """

    path: Path | None
    revision: str | None
    text_model: str | None
    device: str
    dtype: EncoderDtypeName
    fit: Fit
    text_weight: float
    batch: int
    backend: BackendName
    dimensions: int | None
    instructions: Instructions
    url: str | None
    model: str | None
    api_key: str | None
    dialect: DialectName
    concurrency: int
    timeout_s: float
