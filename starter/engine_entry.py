"""How the service loads the bundled engine: its model is imported only where it is chosen."""

from __future__ import annotations

from functools import partial

from rerank.engines.engine import Engine
from rerank.engines.features import FeatureForm
from service.catalog.indexed_features import Extract
from service.encoders.encoder import Encoder
from service.search.reranking.engine_options import EngineOptions
from starter.encoder_adapter import StarterEncoder


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


def load_starter_extractor(options: EngineOptions, encoder: Encoder) -> tuple[FeatureForm, Extract] | None:
    """The form of the features, and what extracts them of images that this encoder is to see next: each is looked at
    once for both. None if it is not the starter's.
    """
    if not isinstance(encoder, StarterEncoder):
        return None
    from starter.fused import FusedEmbedder  # noqa: PLC0415 (slow to import)
    from starter.vlm.features import CandidateFeatures  # noqa: PLC0415 (slow to import)

    if not isinstance(encoder.embedder, FusedEmbedder):
        return None
    features = CandidateFeatures.load(options.path, encoder.embedder.trained)
    return features.form, partial(features.extract, keep=True)
