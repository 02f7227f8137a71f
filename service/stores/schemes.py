"""Stores by the form of their address."""

from service.errors import ConfigurationError
from service.settings import Settings
from service.stores.store import VersionedStore


def open_store(settings: Settings) -> VersionedStore:
    """The store that `store_uri` names; nothing is opened or created yet."""
    if settings.store_uri.startswith("exact:"):
        from service.stores.exact.exact_store import ExactStore  # noqa: PLC0415 (each store brings its own libraries)

        return ExactStore.from_uri(settings.store_uri)
    if settings.store_uri.startswith("pinecone:"):
        return _pinecone(settings)
    from service.stores.milvus.milvus_store import MilvusStore  # noqa: PLC0415 (brings pymilvus and grpc)

    return MilvusStore.from_settings(settings)


def _pinecone(settings: Settings) -> VersionedStore:
    """An index of Pinecone. Raises ConfigurationError without the extra or a key."""
    try:
        from service.stores.pinecone.pinecone_store import PineconeStore  # noqa: PLC0415 (an extra)
    except ImportError as error:
        raise ConfigurationError(
            "WITHTHIS_STORE_URI needs a package that is not installed. Run: pip install 'withthis[pinecone]'."
        ) from error
    return PineconeStore.from_settings(settings)
