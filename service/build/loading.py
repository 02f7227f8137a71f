"""The models that the settings name: encoders and engines."""

from __future__ import annotations

from dataclasses import dataclass

from rerank.engines.engine import Engine
from service.encoders import registry
from service.encoders.batching import BatchingEncoder
from service.encoders.encoder import Encoder
from service.encoders.patience import PatientEncoder, patiently
from service.encoders.registry import EncoderEntry
from service.search.reranking import engines
from service.search.reranking.engines import EngineLoader
from service.settings import Settings
from starter.encoder_adapter import STARTER
from starter.engine_entry import load_starter

ENCODERS: dict[str, EncoderEntry] = {STARTER.name: STARTER, **registry.PUBLISHED}
"""Every encoder by its name in the settings."""


def load_encoder(settings: Settings) -> Encoder:
    """The encoder that the settings name. Raises UnknownEncoder, EncoderUnavailable."""
    return registry.load_encoder(settings.encoder.name, settings.encoder.options(), ENCODERS)


def load_patient_encoder(settings: Settings) -> Encoder:
    """The same for indexing: if it is behind a server, it waits for that. Raises EmbeddingServerUnavailable, too."""
    entry, patience_s = ENCODERS.get(settings.encoder.name), settings.encoder.patience_s
    if entry is None or not entry.is_remote:
        return load_encoder(settings)
    return PatientEncoder(patiently(lambda: load_encoder(settings), patience_s), patience_s)


def with_batching(encoder: Encoder, settings: Settings) -> Encoder | BatchingEncoder:
    """The encoder with batching: concurrent searches share batches, unless the settings turn that off or a server
    does it.
    """
    if settings.encoder.max_batch == 1 or ENCODERS[settings.encoder.name].is_remote:
        return encoder
    return BatchingEncoder(
        encoder,
        max_batch=settings.encoder.max_batch,
        max_wait_ms=settings.encoder.max_wait_ms,
        queue=settings.encoder.queue,
        retry_after_s=settings.server.retry_after_s,
    )


ENGINES: dict[str, EngineLoader] = {"starter": load_starter, **engines.ENGINES}
"""Every engine by its name in the settings."""


def load_engine(settings: Settings) -> Engine:
    """The engine that the settings name, whether it is used or not. Raises ConfigurationError."""
    return engines.load_engine(settings.engine.name, settings.engine.options(), ENGINES)


@dataclass(frozen=True, slots=True)
class Models:
    """What all catalogs of a service share: the encoder, and the engine if there is one."""

    encoder: Encoder
    engine: Engine | None


def load_models(settings: Settings) -> Models:
    """Those that the settings name. Raises UnknownEncoder, EncoderUnavailable, ConfigurationError."""
    return Models(load_encoder(settings), None if settings.engine_name is None else load_engine(settings))


def check_model_server(settings: Settings) -> None:
    """Ask the model server whether it has the model, where the engine is one. Raises ConfigurationError."""
    if settings.engine.name == "openai-compatible":
        engines.check_model_server(settings.engine.options())
