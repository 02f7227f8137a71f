"""A whole service: models loaded once, and the catalogs that share them."""

from __future__ import annotations

import logging
from collections.abc import Collection
from contextlib import ExitStack
from functools import partial

from service.build.assembly import assemble
from service.build.loading import Models, load_models, with_batching
from service.build.opening import new_image_loader, open_images, open_store
from service.build.reranking import build_rerank
from service.catalog.lost_index import check_not_lost
from service.errors import StoreLocked, StoreUnavailable, StoreUnusable, WithThisError
from service.server.catalog import Catalog
from service.server.state import ServiceState
from service.settings import Settings
from service.stores.store import VersionedStore
from service.support.arenas import give_back, give_back_regularly, share_arenas

logger = logging.getLogger(__name__)


def build_service(settings: Settings, models: Models | None = None) -> ServiceState:
    """Load models, unless these are given, and connect the store of each catalog.

    Raises:
        ConfigurationError: a setting names something that does not exist or cannot be loaded.
        StoreLocked, StoreUnusable: a local store cannot be opened; waiting would not help.
        EncoderMismatch: no catalog can be used, this one because its collection was made by another encoder.
    """
    share_arenas()
    if settings.encoder.torch_threads is not None:
        import torch  # noqa: PLC0415 (not needed where models are on servers)

        torch.set_num_threads(settings.encoder.torch_threads)
    each = {name: settings.of_catalog(name) for name in settings.catalog_names}
    with ExitStack() as failing:
        stores = {name: _claimed(own, failing) for name, own in each.items()}  # before models, which take long to load
        loaded = models or load_models(settings)
        encoder, rerank = with_batching(loaded.encoder, settings), build_rerank(settings, lambda _: loaded.engine)
        give_back()
        give_back_regularly()
        loader = new_image_loader(settings)

        def catalog(name: str, own: Settings) -> Catalog:
            store, images = stores[name], open_images(own)
            return assemble(
                own,
                name=name,
                encoder=encoder,
                store=store,
                images=images,
                rerank=rerank,
                image_loader=loader,
                may_use=partial(check_not_lost, store, images),
            )

        service = ServiceState({name: catalog(name, own) for name, own in each.items()})
        _prepare(service.catalogs.values())
        failing.pop_all()
    return service


def _claimed(settings: Settings, failing: ExitStack) -> VersionedStore:
    store = open_store(settings)
    failing.callback(store.close)
    store.claim()
    return store


def _prepare(catalogs: Collection[Catalog]) -> None:
    """Prepare each store that is there; a service waits for one that is not, and goes on without a catalog that cannot
    be used, if there are others. Raises StoreLocked, StoreUnusable, and what is wrong if no catalog can be used.
    """
    wrong = {catalog.name: error for catalog in catalogs if (error := _failure(catalog)) is not None}
    lasting = [error for error in wrong.values() if not isinstance(error, StoreUnavailable)]
    if len(lasting) == len(catalogs):
        raise lasting[0]
    for name, error in wrong.items():
        text = "%s The service starts, but /readyz says that the catalog %s is not ready."
        logger.warning(text, error.detail, name, exc_info=error.__cause__)


def _failure(catalog: Catalog) -> WithThisError | None:
    """Why a catalog is not ready; None if it is. Raises StoreLocked, StoreUnusable."""
    try:
        catalog.ready()
    except (StoreLocked, StoreUnusable):
        raise
    except WithThisError as error:
        return error
    return None
