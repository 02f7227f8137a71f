"""The connection to Milvus: opened on first use, shared by stores, with Milvus's errors turned into ours."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

import grpc  # type: ignore[import-untyped]
from pymilvus import MilvusClient
from pymilvus.exceptions import MilvusException

from service.errors import StoreUnavailable
from service.stores import local_file
from service.stores.redaction import without_input
from service.support.single_flight import SingleFlight

if TYPE_CHECKING:
    from service.stores.milvus.attribute_columns import AttributeColumns
    from service.stores.milvus.lite import LiteFolder

_NO_PINGS = {"grpc.keepalive_time_ms": 2**31 - 1, "grpc.keepalive_permit_without_calls": 0}
"""pymilvus asks every ten seconds whether the server is there. Lite's, on this machine, treats that as an attack and
hangs up ("too_many_pings").
"""

# It writes filters down, and twice a traceback for each call while a server is away, to handlers of its own that it
# sets up when it is imported. What it raises is logged by us.
for _name in ("pymilvus", "pymilvus.milvus_client", "pymilvus.bulk_writer"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


class Connection:
    """One client of one Milvus. Connects when it is first used, so that a service starts while Milvus is down.

    Safe to use from several threads. A local file belongs to the process that opened it until `close`. All
    methods raise StoreUnavailable, StoreLocked or StoreUnusable; Milvus's own texts hold addresses: for the log only.
    """

    def __init__(self, uri: str, *, token: str | None, timeout_s: float) -> None:
        """Nothing is opened yet."""
        self.uri = uri
        self.timeout = timeout_s
        self.epoch = 0
        """Grows when another server is connected to: collections have to be loaded again."""
        self._token = token
        self._client: MilvusClient | None = None
        self._address = ""
        self._lite: LiteFolder | None = None
        self._lock = threading.Lock()
        self._connecting = SingleFlight[MilvusClient]()

    @property
    def is_local(self) -> bool:
        """True for a local file (Milvus Lite)."""
        return local_file.is_local(self.uri)

    @contextmanager
    def open(self) -> Iterator[MilvusClient]:
        """The client. Not to be opened again inside the block."""
        with self._folder.gate.shared() if self.is_local else nullcontext(), _our_errors():
            yield self._connected()

    def writing(self) -> AbstractContextManager[None]:
        """The block changes rows, through `open`. Raises StoreFull; see `service.stores.milvus.lite`."""
        return self._folder.writing() if self.is_local else nullcontext()

    def still(self) -> AbstractContextManager[None]:
        """No row of a local file changes in the block."""
        return self._folder.still()

    def columns(self, collection: str) -> AttributeColumns | None:
        """The attributes of a collection of a local file; None for a server, which has indexes of its own."""
        return self._folder.columns(collection) if self.is_local else None

    def forget_columns(self) -> None:
        """A collection of a local file was dropped, and another one may get its name."""
        if self.is_local:
            self._folder.forget_columns()

    @contextmanager
    def flushing(self) -> Iterator[MilvusClient]:
        """The client, for a flush of a local file. Not to be opened again inside the block."""
        with self._folder.flushing(), _our_errors():
            yield self._connected()

    def claim(self) -> None:
        """Take a local file for this process; nothing to do for a server."""
        if self.is_local:
            self._folder.address()

    def close(self) -> None:
        """Disconnect; the next use reconnects."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()
        if self.is_local:
            self._folder.close()

    @property
    def _folder(self) -> LiteFolder:
        if self._lite is None:
            from service.stores.milvus.lite import lite_folder  # noqa: PLC0415 (not needed for a remote Milvus)

            self._lite = lite_folder(self.uri)
        return self._lite

    def _connected(self) -> MilvusClient:
        address = self._folder.address() if self.is_local else self.uri
        return self._current(address) or self._connecting.run(address, partial(self._connect, address))

    def _current(self, address: str) -> MilvusClient | None:
        with self._lock:
            return self._client if self._address == address else None

    def _connect(self, address: str) -> MilvusClient:
        """A new client that replaces the current one. Other callers wait for the same attempt: a server
        that accepts and never answers costs all of them a single timeout, not one after another.
        """
        if (client := self._current(address)) is not None:  # made since the caller looked
            return client
        options = {"grpc_options": _NO_PINGS} if self.is_local else {}
        client = MilvusClient(address, token=self._token or "", timeout=self.timeout, **options)
        with self._lock:
            stale, self._client, self._address = self._client, client, address
            self.epoch += 1
        if stale is not None:
            stale.close()
        return client


@contextmanager
def _our_errors() -> Iterator[None]:
    try:
        yield
    except (MilvusException, grpc.RpcError) as error:
        raise StoreUnavailable from without_input(error)


@contextmanager
def quiet(logger_name: str) -> Iterator[None]:
    """Silence a library's logger while its errors are handled here."""
    logger = logging.getLogger(logger_name)
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before
