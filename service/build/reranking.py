"""The rerank stage: strategies with their engine and prompts, as the settings say."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from rerank.engines.engine import Engine, EngineInfo
from rerank.errors import LayoutError, PromptError
from rerank.fusion import FusionMethod
from rerank.prompts import PromptLibrary
from service.build.loading import load_engine
from service.errors import ConfigurationError
from service.search.online.evaluation import check_rival
from service.search.reranking.candidate_features import FeatureUse
from service.search.reranking.engines import WithPrompts
from service.search.reranking.plan import Planner, RerankDefaults
from service.search.reranking.stage import RerankStage
from service.search.reranking.strategies import StrategyOptions, build_strategies
from service.settings import Settings


def strategy_options(settings: Settings) -> StrategyOptions:
    """What the settings say of strategies."""
    rerank = settings.rerank
    return StrategyOptions(
        caption_cache_size=rerank.caption_cache_size,
        thumbnail_cache_size=settings.images.thumbnail_cache_size,
        match_prompt=rerank.match_prompt,
        rotations=rerank.rotations,
        window=rerank.window,
        step=rerank.step,
        prune=rerank.prune,
        cross_encoder_model=rerank.cross_encoder_model,
        cross_encoder_device=rerank.cross_encoder_device,
        trained=settings.reranker.options(),
    )


def _reads_titles(settings: Settings, info: EngineInfo | None) -> bool:
    """Whether the default strategy ranks by titles: those with another model than the engine's do."""
    return info is None or info.reads_titles or settings.rerank.strategy.startswith(("cross-encoder", "reranker"))


def _fusion(settings: Settings, info: EngineInfo | None) -> tuple[float, FusionMethod]:
    """How the order of a model is fused with that of retrieval; a trained reranker's, which is no engine, is not."""
    rerank, own_weight = settings.rerank, 1.0 if info is None else info.fusion_weight
    own_method: FusionMethod = "rrf" if info is None else info.fusion_method
    weight = own_weight if rerank.fusion_weight is None else rerank.fusion_weight
    return weight, rerank.fusion_method or own_method


def _load(settings: Settings, load: Callable[[Settings], Engine | None]) -> WithPrompts | None:
    """The engine with the prompts of the settings, if there is to be one. Raises as `load`, and PromptError."""
    rerank = settings.rerank
    engine = None if settings.engine_name is None else load(settings)
    if engine is None:
        return None
    return WithPrompts(engine, rank=rerank.rank_prompt, caption=rerank.caption_prompt, match=rerank.match_prompt)


def _features(settings: Settings, engine: WithPrompts | None) -> FeatureUse | None:
    """The features that the engine ranks by, if it does."""
    extractor = None if engine is None else engine.extractor
    return None if extractor is None else FeatureUse(extractor, settings.engine.store_features)


def build_rerank(settings: Settings, load: Callable[[Settings], Engine | None] | None = None) -> RerankStage:
    """The strategies with their engine and prompts; `load` gives another engine. Raises ConfigurationError."""
    try:
        prompts = PromptLibrary.load(settings.rerank.prompts_dir)
        engine = _load(settings, load or load_engine)
        strategies = build_strategies(strategy_options(settings), engine, prompts)
    except (PromptError, LayoutError) as error:
        # These texts are written by `rerank` about files and settings of the operator's own.
        raise ConfigurationError(f"The prompts are not valid: {error}.") from error
    if settings.rerank.strategy not in strategies.usable:
        reason = strategies.missing.get(settings.rerank.strategy, "There is no such strategy.")
        names = ", ".join(sorted(strategies.usable))
        raise ConfigurationError(
            f"WITHTHIS_STRATEGY cannot be {settings.rerank.strategy}. {reason} It can be: {names}."
        )
    info = None if engine is None else engine.info
    engine_id = info.id if info else ""  # without one, every strategy has a model of its own
    models = {name: strategies.models.get(name, engine_id) for name in strategies.usable}
    fusion = {name: _fusion(settings, None if name in strategies.models else info) for name in strategies.usable}
    weight, method = fusion[settings.rerank.strategy]
    use = _features(settings, engine)
    defaults = RerankDefaults(
        strategy=settings.rerank.strategy,
        engine=models[settings.rerank.strategy],
        candidates=settings.rerank.candidates,
        fusion_weight=weight,
        fusion_method=method,
        deadline_ms=settings.rerank.deadline_ms,
        max_deadline_ms=settings.rerank.max_deadline_ms,
        needs_image=settings.rerank.step_back and not _reads_titles(settings, info),
    )
    closing = ExitStack()  # each is closed, even if another one fails
    for close in [*([engine.close] if engine else []), *strategies.closing]:
        closing.callback(close)
    stage = RerankStage(
        Planner(
            strategies.usable,
            prompts,
            defaults,
            strategies.missing,
            models=models,
            fusion=fusion,
            features={name: use for name in strategies.usable if name not in strategies.models} if use else {},
        ),
        concurrency=settings.rerank.concurrency,
        documents=settings.server.compatible_concurrency,
        caches={**strategies.caches, **(engine.caches if engine else {})},
        close=closing.close,
        rank_prompts=[one.key for one in prompts if info and one.task == "rank" and one.layout == info.layout],
    )
    if settings.online.interleave is not None:
        check_rival(settings.online.interleave, stage)
    return stage
