"""Rerank engines by the name they have in the settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from rerank.engines.base import Engine, EngineInfo, EngineRequest, Generation
from service.errors import ConfigurationError
from service.settings import Settings


def _starter(settings: Settings) -> Engine:
    # Imported here: an engine's libraries are loaded only where that engine is chosen.
    from rerank.engines.starter import StarterEngine  # noqa: PLC0415
    from starter.vlm import StarterVLM  # noqa: PLC0415

    return StarterEngine(StarterVLM.load(settings.engine_path))


ENGINES: Mapping[str, Callable[[Settings], Engine]] = {"starter": _starter}


def load_engine(settings: Settings) -> Engine:
    """Load the engine that `settings.engine` names.

    Raises:
        ConfigurationError: no such engine, or its files are missing.
    """
    loader = ENGINES.get(settings.engine)
    if loader is None:
        raise ConfigurationError(f"WITHTHIS_ENGINE must be one of: {', '.join(sorted(ENGINES))}.")
    try:
        return loader(settings)
    except OSError as error:
        raise ConfigurationError(
            "The engine's files are missing or damaged. Install the package again or set WITHTHIS_ENGINE_PATH."
        ) from error


class WithPrompts:
    """An engine whose own prompts are replaced by those of the settings, checked once, at the start."""

    def __init__(self, engine: Engine, *, rank: str | None, caption: str | None) -> None:
        self._engine = engine
        chosen = {task: prompt for task, prompt in (("rank", rank), ("caption", caption)) if prompt is not None}
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
