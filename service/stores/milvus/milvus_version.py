"""One version of a Milvus collection: the next one while it is filled, or one that was replaced."""

from collections.abc import Mapping
from typing import Never

from pymilvus import MilvusClient
from pymilvus.exceptions import MilvusException

from service.encoders.encoder import EncoderInfo
from service.stores.milvus.collection_store import CollectionStore
from service.stores.milvus.connection import Connection
from service.stores.milvus.versions import Built, Versions


class MilvusVersion(CollectionStore):
    """A version that is filled or read while another one is in use, on the connection of the store that made it."""

    def __init__(
        self,
        connection: Connection,
        versions: Versions,
        search_params: Mapping[str, int],
        *,
        client: MilvusClient,
        collection: str,
    ) -> None:
        """Takes a collection that exists, and makes it ready."""
        super().__init__(connection, versions, search_params)
        self.collection = collection
        self._make_ready(client, collection)

    def ensure(self, info: EncoderInfo) -> None:
        """Nothing to do: the version was made for its encoder. See `Store.ensure`."""

    def built_by(self) -> Built | None:
        """Encoder id and fingerprint of this version. See `Store.built_by`."""
        with self._connection.open() as client:
            return self._versions.built_by(client, self.collection)

    def close(self) -> None:
        """Nothing to do: the connection is the store's. See `Store.close`."""

    def _current(self, client: MilvusClient) -> str:
        if self._epoch != self._connection.epoch:
            self._make_ready(client, self.collection)
        return self.collection

    def _after_it_went(self, client: MilvusClient, error: MilvusException) -> Never:
        """None takes its place: rows for one version are not rows for another. Raises the error."""
        raise error
