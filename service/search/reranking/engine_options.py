"""What the settings say of an engine, for whichever is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rerank.layout import Layout


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Each engine reads what concerns it. `url` to `extra` are those of a model server, the others of models in this
    process; `cache_size`: images that the starter keeps as it has seen them.
    """

    path: Path | None
    model: str | None
    revision: str | None
    device: str
    dtype: Literal["auto", "float32", "bfloat16", "float16"]
    num_crops: int
    quantisation: Literal["4bit", "8bit"] | None
    layout: Layout | None
    max_candidates: int
    url: str | None
    api_key: str | None
    dialect: Literal["vllm", "json_schema", "regex", "none"]
    concurrency: int
    retries: int
    extra: Mapping[str, Any]
    cache_size: int
