"""Versions of a Milvus collection behind one name.

The name in the settings is an alias of `<name>_v1`, `<name>_v2`, …: a new version is filled while the other one is in
use and the alias is pointed at it, which Milvus does in one step. Collections of before there were versions have the
name itself; they become `<name>_v1` when they are first replaced.
"""

import json
import logging
import re
from collections.abc import Mapping
from typing import Any

from pymilvus import MilvusClient
from pymilvus.exceptions import ErrorCode, MilvusException
from pymilvus.milvus_client.index import IndexParams

from service.encoders.encoder import EncoderInfo
from service.stores.milvus.schema import (
    ATTRIBUTES_PROPERTY,
    ENCODER_PROPERTY,
    FINGERPRINT_PROPERTY,
    TYPED,
    collection_schema,
    vector_index,
)

logger = logging.getLogger(__name__)

INDEX_PROPERTY = "withthis.index"
NAME_PROPERTY = "withthis.collection"
_NOT_LOADED = 101  # merr.ErrCollectionNotLoaded of Milvus; pymilvus has no name for it
Built = tuple[str, str]
"""Encoder id and fingerprint that a collection was built with."""


def is_gone(error: MilvusException) -> bool:
    """True if Milvus says that there is no such collection."""
    return bool(error.code == ErrorCode.COLLECTION_NOT_FOUND)


def is_not_loaded(error: MilvusException) -> bool:
    """True if Milvus says that the collection is not in memory: somebody released it, or the server starts."""
    return bool(error.code == _NOT_LOADED)


class Versions:
    """The versions of one collection. Errors are Milvus's own; the caller turns them into ours."""

    def __init__(self, name: str, index_type: str, index_params: Mapping[str, int], *, local: bool, timeout: float):
        """`index_*` are used for new versions; `local` says that this is Milvus Lite."""
        self._name = name
        self._index = (index_type, dict(index_params))
        self._local = local
        self._timeout = timeout
        self._pattern = re.compile(rf"{re.escape(name)}_v([1-9][0-9]*)")

    def live(self, client: MilvusClient) -> str | None:
        """The collection in use, or None if there is none yet."""
        if client.has_collection(self._name, timeout=self._timeout):
            return str(client.describe_collection(self._name, timeout=self._timeout)["collection_name"])
        if 1 not in self._numbers(client):
            return None
        # A process died between making (or renaming) the first version and naming it.
        self._point(client, f"{self._name}_v1")
        return f"{self._name}_v1"

    def first(self, client: MilvusClient, info: EncoderInfo) -> str:
        """Create the first version and name it."""
        collection = self._create(client, 1, info)
        self._point(client, collection)
        return collection

    def next(self, client: MilvusClient, info: EncoderInfo) -> str:
        """The version to be filled: a half-filled one of the same encoder and index, or a new one."""
        live = self.live(client)
        newer = [n for n in self._numbers(client) if n > self._number(live)]
        for number in newer:
            collection = f"{self._name}_v{number}"
            if self._is_like(client, collection, info):
                return collection
            client.drop_collection(collection, timeout=self._timeout)
        return self._create(client, max([self._number(live), *self._numbers(client)]) + 1, info)

    def publish(self, client: MilvusClient, collection: str) -> str:
        """Point the name at a version; the one that had it before."""
        replaced = self.live(client)
        if replaced is None or replaced == self._name:
            replaced = f"{self._name}_v1"
            client.rename_collection(self._name, replaced, timeout=self._timeout)
        self._point(client, collection)
        return replaced

    def drop_others(self, client: MilvusClient) -> int:
        """Drop all versions but the one in use; how many."""
        live = self.live(client)
        others = [name for n in self._numbers(client) if (name := f"{self._name}_v{n}") != live]
        for collection in others:
            client.drop_collection(collection, timeout=self._timeout)
        return len(others)

    def built_by(self, client: MilvusClient, collection: str) -> Built | None:
        """Encoder id and fingerprint of a collection; None if this service did not make it."""
        properties = self._properties(client, collection)
        found = properties.get(ENCODER_PROPERTY)
        return None if found is None else (found, properties.get(FINGERPRINT_PROPERTY, ""))

    def make_ready(self, client: MilvusClient, collection: str) -> None:
        """Create the indexes that are not there (a crash may have come between), and load the collection."""
        self._index_field(client, collection, "vector", vector_index(*self._index))
        self.load(client, collection)

    def load(self, client: MilvusClient, collection: str, *, wait: bool = True) -> None:
        """Have the collection loaded into memory. Without `wait` a server is only asked to; Lite is done at once."""
        try:
            client.load_collection(collection, timeout=self._timeout, _async=not wait)
        except MilvusException:
            if not self._local:
                raise
            self._index_again(client, collection)

    def _index_again(self, client: MilvusClient, collection: str) -> None:
        """Rebuild the vector index: Lite writes its files in place, so a kill may leave half of one."""
        logger.warning("the index of %s cannot be loaded; it is rebuilt", collection, exc_info=True)
        kind, params = json.loads(self._properties(client, collection).get(INDEX_PROPERTY, json.dumps(self._index)))
        client.drop_index(collection, "vector", timeout=self._timeout)
        self._index_field(client, collection, "vector", vector_index(kind, params))
        client.load_collection(collection, timeout=self._timeout)

    def _index_field(self, client: MilvusClient, collection: str, field: str, index: IndexParams) -> None:
        if client.list_indexes(collection, field_name=field, timeout=self._timeout):
            return
        # Lite builds at once, and lacks the call with which the client waits for a server.
        client.create_index(collection, index, timeout=self._timeout, sync=not self._local)

    def is_typed(self, client: MilvusClient, collection: str) -> bool:
        """True if its attributes are stored so that true is not 1; older collections are rewritten by a reindex."""
        return self._properties(client, collection).get(ATTRIBUTES_PROPERTY) == TYPED

    def _create(self, client: MilvusClient, number: int, info: EncoderInfo) -> str:
        collection = f"{self._name}_v{number}"
        client.create_collection(
            collection,
            schema=collection_schema(info.dimension),
            properties={
                ENCODER_PROPERTY: info.id,
                FINGERPRINT_PROPERTY: info.fingerprint,
                INDEX_PROPERTY: json.dumps(self._index),
                NAME_PROPERTY: self._name,
                ATTRIBUTES_PROPERTY: TYPED,
            },
            consistency_level="Session",
            timeout=self._timeout,
        )
        return collection

    def _point(self, client: MilvusClient, collection: str) -> None:
        """Make the name an alias of this collection, whether it was an alias before or not."""
        if client.has_collection(self._name, timeout=self._timeout):
            client.alter_alias(collection, self._name, timeout=self._timeout)
            return
        try:
            client.create_alias(collection, self._name, timeout=self._timeout)
        except MilvusException:  # another process that found the name missing was faster
            client.alter_alias(collection, self._name, timeout=self._timeout)

    def _is_like(self, client: MilvusClient, collection: str, info: EncoderInfo) -> bool:
        index = self._properties(client, collection).get(INDEX_PROPERTY)
        made = self.built_by(client, collection) == (info.id, info.fingerprint) and index == json.dumps(self._index)
        return made and self.is_typed(client, collection)

    def _properties(self, client: MilvusClient, collection: str) -> Mapping[str, Any]:
        return client.describe_collection(collection, timeout=self._timeout).get("properties") or {}

    def _numbers(self, client: MilvusClient) -> list[int]:
        """Numbers of our versions. Others may have collections with such names, which are never touched."""
        found = map(self._pattern.fullmatch, client.list_collections(timeout=self._timeout))
        return sorted(int(match.group(1)) for match in found if match and self._is_ours(client, match))

    def _is_ours(self, client: MilvusClient, match: re.Match[str]) -> bool:
        properties = self._properties(client, match.group())
        renamed = match.group(1) == "1" and ENCODER_PROPERTY in properties and NAME_PROPERTY not in properties
        return renamed or properties.get(NAME_PROPERTY) == self._name

    def _number(self, collection: str | None) -> int:
        match = self._pattern.fullmatch(collection or "")
        return int(match.group(1)) if match else 1


def all_of_ours(client: MilvusClient, timeout: float) -> list[str]:
    """Every collection of this database that this service made, of any name and version."""
    names = client.list_collections(timeout=timeout)
    described = {name: client.describe_collection(name, timeout=timeout).get("properties") or {} for name in names}
    return [name for name, properties in described.items() if ENCODER_PROPERTY in properties]
