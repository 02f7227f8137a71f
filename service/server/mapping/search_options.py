"""The search options that the search page offers."""

from __future__ import annotations

from service.search.reranking.stage import RerankStage
from service.settings import Settings
from service.wire.search_options import DefaultsOut, LimitsOut, SearchOptionsOut


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
