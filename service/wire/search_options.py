"""What a search may ask for here: it differs with the engine and the settings, and the search page offers it."""

from __future__ import annotations

from pydantic import BaseModel, Field

from rerank.fusion import FusionMethod


class DefaultsOut(BaseModel):
    """What holds where a request says nothing."""

    limit: int
    rerank: bool
    strategy: str
    candidates: int
    fusion_weight: float
    fusion_method: FusionMethod
    deadline_ms: int


class LimitsOut(BaseModel):
    """The most that a request may have."""

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
    defaults: DefaultsOut
    limits: LimitsOut
