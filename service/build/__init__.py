"""The composition root: from settings to the working parts of a service. Nothing below it reads `Settings`."""

from service.build.assembly import assemble, new_pipeline, new_vocabulary, new_words
from service.build.feeds import ingest_feed, ingest_options
from service.build.image_features import stored_form
from service.build.loading import (
    ENCODERS,
    ENGINES,
    Models,
    check_model_server,
    load_encoder,
    load_engine,
    load_models,
    load_patient_encoder,
    with_batching,
)
from service.build.opening import new_fetcher, new_image_loader, open_images, open_store
from service.build.reranking import build_rerank, strategy_options
from service.build.service import build_service

__all__ = [
    "ENCODERS",
    "ENGINES",
    "Models",
    "assemble",
    "build_rerank",
    "build_service",
    "check_model_server",
    "ingest_feed",
    "ingest_options",
    "load_encoder",
    "load_engine",
    "load_models",
    "load_patient_encoder",
    "new_fetcher",
    "new_image_loader",
    "new_pipeline",
    "new_vocabulary",
    "new_words",
    "open_images",
    "open_store",
    "stored_form",
    "strategy_options",
    "with_batching",
]
