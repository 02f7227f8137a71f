"""Reranking strategies by their name in settings and requests, and why one is not available.

Three ask the engine: listwise, single-token, pointwise. The first two show it more candidates than fit one call in
overlapping windows; their sliding-window forms have the window and step of the settings. `chunked` ranks windows side
by side and joins them by pointwise scores. A text cross-encoder passes only candidates with matching titles on to any
of the three. `reranker` asks a trained reranker instead of the engine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rerank.caption_cache import CaptionCache
from rerank.engines.engine import Engine, EngineInfo
from rerank.lru_cache import LruCache
from rerank.prompts import PromptLibrary
from rerank.strategies.captioning import Captioner
from rerank.strategies.chunked import SMALLEST, ChunkedStrategy
from rerank.strategies.cross_encoder import CrossEncoderStrategy, FlagScorer, TextScorer
from rerank.strategies.listwise import ListwiseStrategy
from rerank.strategies.pointwise import PointwiseStrategy
from rerank.strategies.reranker import RerankerStrategy
from rerank.strategies.single_token import SingleTokenStrategy
from rerank.strategies.sliding_window import SlidingWindowStrategy, for_any_number
from rerank.strategies.strategy import Strategy
from rerank.strategies.watched import WatchedStrategy
from rerank.thumbnails import ThumbnailCache
from service.encoders.device import resolve_device
from service.errors import ConfigurationError
from service.search.reranking.trained import load_trained
from service.search.reranking.trained_options import TrainedOptions
from service.wire.limits import MAX_CANDIDATES

NO_SCORES = "The configured engine gives no label scores, and this strategy ranks by them. Use listwise."
NO_MATCHING = "The configured engine cannot judge a single product. Use listwise or single-token."
NO_WINDOW = "The configured engine takes one product per call, so windows have nothing to compare. Use pointwise."
NO_CHUNKS = "The configured engine takes fewer than five products per call. Use pointwise."
NO_ENGINE = "This service has a trained reranker and no engine. Use reranker, or name an engine in WITHTHIS_ENGINE."
NO_RERANKER = "This service has no trained reranker (WITHTHIS_RERANKER_PATH or WITHTHIS_RERANKER_URL)."
NO_CROSS_ENCODER = "This strategy needs a text cross-encoder, and this service has none (WITHTHIS_CROSS_ENCODER_MODEL)."

SLIDING = {"listwise": "sliding-window", "single-token": "sliding-window-single-token"}
"""Strategy → its name in windows."""

PRUNED = {
    "listwise": "cross-encoder",
    "single-token": "cross-encoder-single-token",
    "pointwise": "cross-encoder-pointwise",
}
"""Strategy → its name behind the cross-encoder; what is let through is ranked in windows if one call cannot do it."""

STRATEGIES = ("listwise", "single-token", "pointwise", "chunked", "reranker", *SLIDING.values(), *PRUNED.values())
"""Every name; which of them can be used depends on the engine and the settings."""

_Prune = Callable[[Strategy, str], Strategy]


@dataclass(frozen=True, slots=True)
class StrategyOptions:
    """What the settings say of strategies. Caches are in images; `window`, `step`: None takes what suits the engine."""

    caption_cache_size: int
    thumbnail_cache_size: int
    match_prompt: str | None
    rotations: int
    window: int | None
    step: int | None
    prune: int
    cross_encoder_model: str | None
    cross_encoder_device: str
    trained: TrainedOptions


@dataclass(frozen=True, slots=True)
class Strategies:
    """Those that can be used, and for each of the others the reason, as a sentence for the caller."""

    usable: dict[str, Strategy] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    caches: dict[str, LruCache[Any, Any]] = field(default_factory=dict)
    """The caches that strategies share, by name in the metrics."""
    models: dict[str, str] = field(default_factory=dict)
    """Strategy → id of its model, where that is not the engine's."""
    closing: list[Callable[[], None]] = field(default_factory=list)
    """What closes their connections."""

    def add(self, name: str, reason: str | None, build: Callable[[], Strategy]) -> None:
        """Build a strategy unless there is a reason against it."""
        if reason is None:
            self.usable[name] = build()
        else:
            self.missing[name] = reason


def build_strategies(options: StrategyOptions, engine: Engine | None, prompts: PromptLibrary) -> Strategies:
    """Every strategy that engine and settings allow; without an engine, that of the trained reranker.

    Raises:
        ConfigurationError: a setting does not fit the engine, or another model cannot be loaded.
        PromptError, LayoutError: the prompts do not fit the engine.
    """
    found = Strategies()
    if engine is None:
        found.missing.update(dict.fromkeys(STRATEGIES, NO_ENGINE))
    else:
        _add_asking(found, options, engine, prompts)
    _add_trained(found, options.trained, prompts)
    return found


def _add_asking(found: Strategies, options: StrategyOptions, engine: Engine, prompts: PromptLibrary) -> None:
    """Add those that ask the engine."""
    captions, thumbnails = CaptionCache(options.caption_cache_size), ThumbnailCache(options.thumbnail_cache_size)
    found.caches.update(caption=captions, thumbnail=thumbnails)
    shared = (engine, prompts, captions, thumbnails)
    rotations, no_scores = options.rotations, None if engine.info.can_score else NO_SCORES
    no_matching = None if _has_match_prompt(options, engine.info, prompts) else NO_MATCHING
    most = engine.info.max_candidates
    found.add("listwise", None, lambda: for_any_number(ListwiseStrategy(*shared), most))
    found.add(
        "single-token", no_scores, lambda: for_any_number(SingleTokenStrategy(*shared, rotations=rotations), most)
    )
    found.add("pointwise", no_scores or no_matching, lambda: PointwiseStrategy(*shared))
    found.add(
        "chunked",
        found.missing.get("pointwise") or (NO_CHUNKS if most < SMALLEST else None),
        lambda: ChunkedStrategy(
            ListwiseStrategy(*shared),
            PointwiseStrategy(*shared, batch=MAX_CANDIDATES),  # a server answers all at once
            Captioner(engine, prompts, captions),
            window=most,
        ),
    )
    for base, name in SLIDING.items():
        _add_sliding(found, base, name, options, engine.info)
    prune = _prune(options, Captioner(engine, prompts, captions))
    for base, name in PRUNED.items():
        _add_pruned(found, base, name, prune)


def _add_trained(found: Strategies, options: TrainedOptions, prompts: PromptLibrary) -> None:
    loaded = load_trained(options)
    if loaded is None:
        found.missing[RerankerStrategy.name] = NO_RERANKER
        return
    scorer, close = loaded
    found.missing.pop(RerankerStrategy.name, None)
    found.closing.append(close)
    found.models[RerankerStrategy.name] = scorer.info.id
    strategy, reads = RerankerStrategy(scorer, prompts, options.prompt), scorer.info.query
    watched = WatchedStrategy(strategy, texts=reads != "either", images=reads != "text")
    found.usable[RerankerStrategy.name] = watched if options.watch else strategy


def _has_match_prompt(options: StrategyOptions, info: EngineInfo, prompts: PromptLibrary) -> bool:
    """Whether the engine can match; a folder of prompts of the operator's own need not have one for it."""
    known = {name for prompt in prompts for name in (prompt.id, prompt.key)}
    return "match" in info.prompts and (options.match_prompt is not None or info.prompts["match"] in known)


def _add_sliding(found: Strategies, base: str, name: str, options: StrategyOptions, info: EngineInfo) -> None:
    window, step = _window(options, info)
    reason = found.missing.get(base) or (NO_WINDOW if window < 2 else None)
    found.add(name, reason, lambda: SlidingWindowStrategy(found.usable[base], window=window, step=step, name=name))


def _add_pruned(found: Strategies, base: str, name: str, prune: _Prune | None) -> None:
    def build() -> Strategy:
        assert prune is not None
        return prune(found.usable.get(SLIDING.get(base, base), found.usable[base]), name)

    found.add(name, found.missing.get(base) or (NO_CROSS_ENCODER if prune is None else None), build)


def _prune(options: StrategyOptions, captioner: Captioner) -> _Prune | None:
    """Wraps a strategy with the cross-encoder; None without one."""
    scorer = _scorer(options)
    if scorer is None:
        return None
    return lambda base, name: CrossEncoderStrategy(base, captioner, scorer, keep=options.prune, name=name)


def _window(options: StrategyOptions, info: EngineInfo) -> tuple[int, int]:
    """Window and step. Raises ConfigurationError if the engine takes less, or if windows would not overlap."""
    window = options.window or info.max_candidates
    step = options.step or max(1, window // 2)
    if window > info.max_candidates:
        raise ConfigurationError(f"WITHTHIS_RERANK_WINDOW must be at most {info.max_candidates} for this engine.")
    if options.step is not None and step >= window:
        raise ConfigurationError(f"WITHTHIS_RERANK_STEP must be less than the window, which is {window}.")
    return window, step


def _scorer(options: StrategyOptions) -> TextScorer | None:
    if options.cross_encoder_model is None:
        return None
    try:
        return FlagScorer.load(options.cross_encoder_model, str(resolve_device(options.cross_encoder_device)))
    except ImportError as error:
        raise ConfigurationError(
            "WITHTHIS_CROSS_ENCODER_MODEL needs FlagEmbedding: pip install 'withthis[text]'."
        ) from error
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            "The cross-encoder's files are missing or damaged. Correct WITHTHIS_CROSS_ENCODER_MODEL: a folder, or a "
            "name on the hub, such as BAAI/bge-reranker-v2-m3."
        ) from error
