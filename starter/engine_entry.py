"""How the service loads the bundled engine: its model is imported only where it is chosen."""

from __future__ import annotations

from rerank.engines.engine import Engine
from rerank.engines.features import FeatureForm
from service.search.reranking.engine_options import EngineOptions


def load_starter(options: EngineOptions) -> Engine:
    """The starter engine, with its weights from `path` or as bundled."""
    from starter.engine_adapter import StarterEngine  # noqa: PLC0415 (slow to import)
    from starter.vlm import StarterVLM  # noqa: PLC0415 (slow to import)

    return StarterEngine(StarterVLM.load(options.path), cache_size=options.cache_size)


def starter_features(options: EngineOptions) -> FeatureForm:
    """The form of the features that the engine stores, without loading it. Raises FileNotFoundError."""
    from starter.embedder import embedder_fingerprint  # noqa: PLC0415 (slow to import)
    from starter.vlm.features import feature_form  # noqa: PLC0415 (slow to import)

    return feature_form(embedder_fingerprint(), options.path)
