"""The options of a search: they depend on the engine and the settings, and the search page offers them."""

from __future__ import annotations

from pydantic import BaseModel, Field

from rerank.fusion import FusionMethod


class DefaultsOut(BaseModel):
    """The defaults for what a request leaves out."""

    limit: int
    rerank: bool
    strategy: str
    candidates: int
    fusion_weight: float
    fusion_method: FusionMethod
    deadline_ms: int


class LimitsOut(BaseModel):
    """The limits of a request."""

    limit: int
    text_chars: int
    image_bytes: int
    image_pixels: int
    deadline_ms: int


class SearchOptionsOut(BaseModel):
    """Names to choose from, defaults and limits."""

    engine: str
    strategies: list[str] = Field(description="values for rerank.strategy")
    prompts: list[str] = Field(description="values for rerank.prompt with listwise strategies; id@version")
    weighs_parts: bool = Field(description="the encoder adds up text and image, so that `weights` are accepted")
    defaults: DefaultsOut
    limits: LimitsOut
