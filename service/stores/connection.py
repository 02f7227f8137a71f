"""The connection to Milvus: opened on first use, shared by stores, with Milvus's errors turned into ours."""

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc  # type: ignore[import-untyped]
from pymilvus import MilvusClient
from pymilvus.exceptions import MilvusException

from service.errors import StoreLocked, StoreUnavailable
from service.stores import local_file

_QUOTED = re.compile(r""""(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?""", re.DOTALL)
_MAX_FAULT_CHARS = 500
_NO_PINGS = {"grpc.keepalive_time_ms": 2**31 - 1, "grpc.keepalive_permit_without_calls": 0}
"""pymilvus asks every ten seconds whether the server is there. Lite's, on this machine, takes that for an attack and
hangs up ("too_many_pings").
"""


class Connection:
    """One client of one Milvus. Connects when it is first used, so that a service starts while Milvus is down.

    Safe to use from several threads. A local file belongs to the process that opened it until :meth:`close`.
    """

    def __init__(self, uri: str, *, token: str | None, timeout_s: float) -> None:
        """Nothing is opened yet."""
        self.uri = uri
        self.timeout = timeout_s
        self._token = token
        self._client: MilvusClient | None = None
        self._lock = threading.Lock()

    @property
    def is_local(self) -> bool:
        """True for a local file (Milvus Lite)."""
        return local_file.is_local(self.uri)

    @contextmanager
    def open(self) -> Iterator[MilvusClient]:
        """The client. Raises StoreUnavailable or StoreLocked; Milvus's own texts hold addresses: for the log only."""
        try:
            yield self._connected()
        except (MilvusException, grpc.RpcError) as error:
            raise StoreUnavailable from _for_the_log(error)

    def close(self) -> None:
        """Disconnect; the next use connects anew."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()
            if self.is_local:
                local_file.release(self.uri)

    def _connected(self) -> MilvusClient:
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _connect(self) -> MilvusClient:
        if not self.is_local:
            return MilvusClient(self.uri, token=self._token or "", timeout=self.timeout)
        try:
            Path(self.uri).parent.mkdir(parents=True, exist_ok=True)
            with quiet("milvus_lite.server_manager"):  # it logs a traceback for what is explained here
                return MilvusClient(self.uri, timeout=self.timeout, grpc_options=_NO_PINGS)
        except OSError as error:
            raise StoreUnavailable("The store's folder cannot be made. Check WITHTHIS_DATA_DIR.") from error
        except MilvusException as error:
            if local_file.is_held(self.uri):
                raise StoreLocked from error
            raise


class MilvusSaidError(Exception):
    """What Milvus said, without what callers wrote: it repeats filters, whose values are theirs."""


def _for_the_log(error: Exception) -> MilvusSaidError:
    before_expression = str(error).partition("expression")[0]
    return MilvusSaidError(f"{type(error).__name__}: {_QUOTED.sub('…', before_expression)[:_MAX_FAULT_CHARS]}")


@contextmanager
def quiet(logger_name: str) -> Iterator[None]:
    """Silence one logger of a library while it says what is handled here."""
    logger = logging.getLogger(logger_name)
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before
