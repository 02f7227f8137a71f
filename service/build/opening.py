"""The stores that the settings name, of products and of images, and what reads images from outside."""

from __future__ import annotations

from service.errors import ConfigurationError
from service.images.fetch.fetch import Fetcher, FetchPolicy
from service.images.sources import ImageLoader
from service.images.store.image_store import ImageStore
from service.settings import Settings
from service.stores.store import VersionedStore


def open_store(settings: Settings) -> VersionedStore:
    """The store that `store_uri` names; nothing is connected or created yet. Raises ConfigurationError."""
    uri, store = settings.store_uri, settings.store
    if uri.startswith("exact:"):
        from service.stores.exact.exact_store import ExactStore  # noqa: PLC0415 (each store brings its own libraries)

        return ExactStore.from_uri(uri)
    if uri.startswith("pinecone:"):
        return _pinecone(settings)
    from service.stores.milvus.milvus_store import MilvusStore  # noqa: PLC0415 (brings pymilvus and grpc)

    return MilvusStore(
        uri,
        token=store.token.get_secret_value() if store.token else None,
        collection=store.collection,
        index_type=store.index_type,
        index_params=store.index_params,
        search_params=store.search_params,
        timeout_s=store.timeout_s,
    )


def _pinecone(settings: Settings) -> VersionedStore:
    """An index of Pinecone. Raises ConfigurationError without the extra or a key."""
    store = settings.store
    try:
        from service.stores.pinecone.connection import NO_KEY, PineconeConnection  # noqa: PLC0415 (an extra)
        from service.stores.pinecone.pinecone_store import SCHEME, PineconeStore  # noqa: PLC0415 (an extra)
    except ImportError as error:
        raise ConfigurationError(
            "WITHTHIS_STORE_URI needs a package that is not installed. Run: pip install 'withthis[pinecone]'."
        ) from error
    if store.token is None:
        raise ConfigurationError(NO_KEY)
    connection = PineconeConnection(
        settings.store_uri.removeprefix(SCHEME),
        api_key=store.token.get_secret_value(),
        host=store.pinecone_host,
        timeout_s=store.timeout_s,
    )
    return PineconeStore(
        connection, namespace=store.collection, cloud=store.pinecone_cloud, region=store.pinecone_region
    )


def open_images(settings: Settings) -> ImageStore:
    """The image store. Raises ConfigurationError."""
    return ImageStore(settings.images_location, settings.image_limits, timeout_s=settings.store.timeout_s)


def new_fetcher(settings: Settings) -> Fetcher | None:
    """What fetches images by URL from the hosts that the settings allow; None if they allow none."""
    hosts = frozenset(settings.images.url_image_hosts)
    policy = FetchPolicy(hosts, settings.images.max_image_bytes, settings.images.url_image_timeout_s)
    return Fetcher(policy) if hosts else None


def new_image_loader(settings: Settings) -> ImageLoader:
    """What reads images from outside."""
    return ImageLoader(settings.image_limits, new_fetcher(settings))
