"""Bringing feeds into a store, as the settings say."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Unpack

from service.build.image_features import load_shared_extractor
from service.build.opening import new_fetcher, open_images
from service.catalog.indexed_features import IndexedFeatures
from service.catalog.ingest import IngestReport, Progress, ingest
from service.catalog.ingest_options import IngestOptions
from service.encoders.batching import BatchingEncoder
from service.encoders.encoder import Encoder
from service.images.store.image_store import ImageStore
from service.settings import Settings
from service.stores.store import Store


def ingest_options(settings: Settings, **more: Unpack[IngestOptions]) -> IngestOptions:
    """What the settings say on how feeds are read, and more."""
    options: IngestOptions = {
        "limits": settings.image_limits,
        "fetcher": new_fetcher(settings),
        "batch": settings.encoder.batch,
        "document": settings.catalog.form,
    }
    options.update(more)
    return options


def ingest_feed(
    feed: Path,
    settings: Settings,
    encoder: Encoder,
    store: Store,
    *,
    options: IngestOptions | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> IngestReport:
    """Bring a feed into an open store, as the settings or `options` say. Raises as `service.catalog.ingest.ingest`.

    A service's encoder is asked without its batches: these are for searches, and features share the encoder's look.
    """
    encoder = encoder.behind if isinstance(encoder, BatchingEncoder) else encoder
    options, workers = options or ingest_options(settings), settings.catalog.ingest_workers
    images = open_images(settings)
    with ExitStack() as ending:
        features = None if dry_run else _features(settings, encoder, images, ending)
        return ingest(
            feed,
            encoder,
            store,
            images,
            workers=workers,
            dry_run=dry_run,
            features=features,
            progress=progress,
            **options,
        )


def _features(settings: Settings, encoder: Encoder, images: ImageStore, ending: ExitStack) -> IndexedFeatures | None:
    """What extracts features of the images that are indexed, if the encoder shares its look at them."""
    extractor = load_shared_extractor(settings, encoder)
    return None if extractor is None else ending.enter_context(IndexedFeatures(images, *extractor))
