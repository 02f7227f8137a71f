"""Stores by the form of their address."""

from service.settings import Settings
from service.stores.base import VersionedStore


def open_store(settings: Settings) -> VersionedStore:
    """The store that ``store_uri`` names; nothing is opened or created yet."""
    if settings.store_uri.startswith("exact:"):
        from service.stores.exact import ExactStore  # noqa: PLC0415 (each store brings its own libraries)

        return ExactStore.from_uri(settings.store_uri)
    from service.stores.milvus import MilvusStore  # noqa: PLC0415 (brings pymilvus and grpc)

    return MilvusStore.from_settings(settings)
