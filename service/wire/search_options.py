"""What a search may ask for here: it differs with the engine and the settings, and the search page offers it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from rerank.fusion import FusionMethod

if TYPE_CHECKING:  # the client reads these models, and must not load what answers
    from service.search.reranking.stage import RerankStage
    from service.settings import Settings


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


def search_options(stage: RerankStage, settings: Settings) -> SearchOptionsOut:
    """The options of a service with this reranking stage and these settings."""
    defaults = stage.defaults
    return SearchOptionsOut(
        engine=stage.engine,
        strategies=list(stage.strategies),
        prompts=list(stage.rank_prompts),
        defaults=DefaultsOut(
            limit=settings.search.default_limit,
            rerank=settings.rerank.enabled,
            strategy=defaults.strategy,
            candidates=defaults.candidates,
            fusion_weight=defaults.fusion_weight,
            fusion_method=defaults.fusion_method,
            deadline_ms=defaults.deadline_ms,
        ),
        limits=LimitsOut(
            limit=settings.search.max_limit,
            text_chars=settings.search.max_text_chars,
            image_bytes=settings.images.max_image_bytes,
            image_pixels=settings.images.max_image_pixels,
            deadline_ms=settings.rerank.max_deadline_ms,
        ),
    )
