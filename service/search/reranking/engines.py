"""Rerank engines by their name in the settings."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rerank.engines.engine import Caching, Closable, Engine, EngineInfo, EngineRequest, Generation
from rerank.engines.features import FeatureExtractor
from rerank.errors import EngineError
from rerank.lru_cache import LruCache
from rerank.sanitize import tidy
from service.errors import ConfigurationError
from service.search.reranking.engine_options import EngineOptions

if TYPE_CHECKING:
    from rerank.engines.openai_compatible import ChatClient

PATIENCE_S = 5.0
"""Timeout for listing a model server's models."""

NO_FILES = (
    "The engine's files are missing or damaged. Reinstall the package, or correct WITHTHIS_ENGINE_PATH or "
    "WITHTHIS_ENGINE_MODEL; a model given by name is downloaded from the hub the first time."
)
NAMES_LIMIT = 300
"""Characters shown of that list."""


def _transformers(options: EngineOptions) -> Engine:
    from rerank.engines.transformers_engine import TransformersEngine  # noqa: PLC0415

    model = options.model or (str(options.path) if options.path is not None else None)
    if model is None:
        raise ConfigurationError("Set WITHTHIS_ENGINE_MODEL to a model's name on the hub or to its folder.")
    return TransformersEngine.load(
        model,
        revision=options.revision,
        device=options.device,
        dtype=options.dtype,
        layout=options.layout or "panel",
        max_candidates=options.max_candidates,
    )


def _phi3_vision(options: EngineOptions) -> Engine:
    from rerank.engines.phi3_vision import Phi3VisionEngine  # noqa: PLC0415

    return Phi3VisionEngine.load(
        options.path,
        model=options.model,
        revision=options.revision,
        device=options.device,
        dtype=options.dtype,
        quantized=options.quantisation,
        num_crops=options.num_crops,
        layout=options.layout or "panel",
        max_candidates=options.max_candidates,
    )


def _openai_compatible(options: EngineOptions) -> Engine:
    from rerank.engines.openai_compatible import OpenAICompatibleEngine  # noqa: PLC0415

    model, client = _model_server(options)
    return OpenAICompatibleEngine(
        client,
        model=model,
        dialect=options.dialect,
        layout=options.layout or "panel",
        max_candidates=options.max_candidates,
        parallel=options.concurrency,
        extra=options.extra,
    )


def _model_server(options: EngineOptions) -> tuple[str, ChatClient]:
    """The model's name and the server that has it."""
    from rerank.engines.openai_compatible import ChatClient  # noqa: PLC0415

    if options.url is None or options.model is None:
        raise ConfigurationError(
            "The engine openai-compatible needs WITHTHIS_ENGINE_URL (like http://127.0.0.1:8001/v1) and "
            "WITHTHIS_ENGINE_MODEL (the model's name on that server)."
        )
    try:
        return options.model, ChatClient(
            options.url,
            api_key=options.api_key,
            concurrency=options.concurrency,
            retries=options.retries,
        )
    except ValueError as error:
        raise ConfigurationError(
            "WITHTHIS_ENGINE_URL must be an http or https URL without a password, and WITHTHIS_ENGINE_API_KEY "
            "plain characters."
        ) from error


EngineLoader = Callable[[EngineOptions], Engine]

ENGINES: Mapping[str, EngineLoader] = {
    "transformers": _transformers,
    "phi3-vision": _phi3_vision,
    "openai-compatible": _openai_compatible,
}


def load_engine(name: str, options: EngineOptions, known: Mapping[str, EngineLoader]) -> Engine:
    """Load an engine by its name.

    Raises:
        ConfigurationError: no such engine, its files are missing, or the engine cannot use them.
    """
    loader = known.get(name)
    if loader is None:
        raise ConfigurationError(f"WITHTHIS_ENGINE must be one of: {', '.join(sorted(known))}.")
    try:
        return loader(options)
    except OSError as error:
        raise ConfigurationError(NO_FILES) from error
    except EngineError as error:  # its message is our own
        raise ConfigurationError(f"The engine {name} cannot be used. {error}") from error


def check_model_server(options: EngineOptions) -> None:
    """Ask the server of the engine openai-compatible for its models.

    Raises:
        ConfigurationError: the server does not answer in time, or does not offer the model.
    """
    model, client = _model_server(options)
    with closing(client):
        try:
            offered = client.models(time.monotonic() + PATIENCE_S)
        except EngineError as error:  # its message is our own
            raise ConfigurationError(
                f"The model server cannot be used: {error}. Start it, or correct WITHTHIS_ENGINE_URL (with its "
                "version, like http://127.0.0.1:8001/v1) or WITHTHIS_ENGINE_API_KEY."
            ) from error
    if not {model, f"{model}:latest"}.intersection(offered):  # Ollama lists the tag that it adds by itself
        names = tidy(", ".join(offered), NAMES_LIMIT) or "none"
        raise ConfigurationError(
            f"The model server answers, but does not offer the model of WITHTHIS_ENGINE_MODEL. It offers: {names}."
        )


class WithPrompts:
    """An engine whose own prompts are replaced by those of the settings, checked once, at the start."""

    def __init__(self, engine: Engine, *, rank: str | None, caption: str | None, match: str | None = None) -> None:
        """`match` is used only by an engine that has a match prompt of its own, as others cannot match."""
        self._engine = engine
        named = {"rank": rank, "caption": caption, "match": match if "match" in engine.info.prompts else None}
        chosen = {task: prompt for task, prompt in named.items() if prompt is not None}
        self._info = replace(engine.info, prompts={**engine.info.prompts, **chosen})

    @property
    def info(self) -> EngineInfo:
        """The engine's own facts, with the prompts of the settings."""
        return self._info

    def generate(self, request: EngineRequest) -> Generation:
        """Passed on."""
        return self._engine.generate(request)

    def score(self, requests: Sequence[EngineRequest]) -> list[tuple[float, ...]]:
        """Passed on."""
        return self._engine.score(requests)

    @property
    def extractor(self) -> FeatureExtractor | None:
        """The engine, if it ranks by features that can be stored."""
        return self._engine if isinstance(self._engine, FeatureExtractor) else None

    @property
    def caches(self) -> Mapping[str, LruCache[Any, Any]]:
        """Those of the engine, if it has any."""
        return self._engine.caches if isinstance(self._engine, Caching) else {}

    def close(self) -> None:
        """Passed on if the engine has anything open."""
        if isinstance(self._engine, Closable):
            self._engine.close()
