"""How the service loads the bundled engine: its model is imported only where it is chosen."""

from __future__ import annotations

from rerank.engines.engine import Engine
from service.search.reranking.engine_options import EngineOptions


def load_starter(options: EngineOptions) -> Engine:
    """The starter engine, with its weights from `path` or as bundled."""
    from starter.engine_adapter import StarterEngine  # noqa: PLC0415 (slow to import)
    from starter.vlm import StarterVLM  # noqa: PLC0415 (slow to import)

    return StarterEngine(StarterVLM.load(options.path), cache_size=options.cache_size)
