"""A whole service: models loaded once, and the catalogs that share them."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from functools import partial

import torch

from service.build.assembly import assemble
from service.build.loading import in_batches, load_encoder
from service.build.opening import open_images, open_store
from service.build.reranking import build_rerank
from service.catalog.lost_index import check_not_lost
from service.errors import StoreLocked, StoreUnavailable, StoreUnusable
from service.server.catalog import Catalog
from service.server.state import ServiceState
from service.settings import Settings
from service.support.arenas import share_arenas

logger = logging.getLogger(__name__)


def build_service(settings: Settings) -> ServiceState:
    """Load models and connect the store.

    Raises:
        ConfigurationError: a setting names something that does not exist or cannot be loaded.
        StoreLocked, StoreUnusable: the local store cannot be opened; waiting would not help.
        EncoderMismatch: the collection was made by another encoder.
    """
    share_arenas()
    if settings.encoder.torch_threads is not None:
        torch.set_num_threads(settings.encoder.torch_threads)
    store, images = open_store(settings), open_images(settings)
    with ExitStack() as failing:
        failing.callback(store.close)
        store.claim()  # before models are loaded, which takes long
        catalog = assemble(
            settings,
            encoder=in_batches(load_encoder(settings), settings),
            store=store,
            images=images,
            rerank=build_rerank(settings),
            may_use=partial(check_not_lost, store, images),
        )
        _prepare(catalog)
        failing.pop_all()
    return ServiceState.of(catalog)


def _prepare(catalog: Catalog) -> None:
    """Prepare the store if it is there; a service waits for one that is not. Raises StoreLocked, StoreUnusable."""
    try:
        catalog.ready()
    except (StoreLocked, StoreUnusable):
        raise
    except StoreUnavailable as error:
        logger.warning("%s The service starts, but /readyz answers 503.", error.detail, exc_info=error.__cause__)
