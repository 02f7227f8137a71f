"""What a trained reranker is loaded with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class TrainedOptions:
    """What the settings say of it: `path` to `dtype` of one in this process, `url` to `retries` of a server."""

    path: str | None
    revision: str | None
    device: str
    dtype: Literal["auto", "float32", "bfloat16", "float16"]
    url: str | None
    model: str | None
    api_key: str | None
    dialect: Literal["vllm", "tei", "jina", "cohere", "voyage", "openrouter"]
    batch: int
    concurrency: int
    retries: int
    prompt: str
    watch: bool
