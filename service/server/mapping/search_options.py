"""The search options that the search page offers."""

from __future__ import annotations

from service.encoders.encoder import EncoderInfo
from service.search.reranking.stage import RerankStage
from service.server.defaults import RequestDefaults
from service.wire.search_options import DefaultsOut, LimitsOut, SearchOptionsOut


def search_options(stage: RerankStage, encoder: EncoderInfo, defaults: RequestDefaults) -> SearchOptionsOut:
    """The options of a service with this reranking stage, this encoder and these defaults."""
    usual = stage.defaults
    return SearchOptionsOut(
        engine=stage.engine,
        strategies=list(stage.strategies),
        prompts=list(stage.rank_prompts),
        weighs_parts=encoder.weighs_parts,
        defaults=DefaultsOut(
            limit=defaults.limit,
            rerank=defaults.reranked,
            strategy=usual.strategy,
            candidates=usual.candidates,
            fusion_weight=usual.fusion_weight,
            fusion_method=usual.fusion_method,
            deadline_ms=usual.deadline_ms,
        ),
        limits=LimitsOut(
            limit=defaults.max_limit,
            text_chars=defaults.max_text_chars,
            image_bytes=defaults.max_image_bytes,
            image_pixels=defaults.max_image_pixels,
            deadline_ms=defaults.max_deadline_ms,
        ),
    )
