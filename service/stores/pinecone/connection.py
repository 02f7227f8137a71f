"""The connection to an index of Pinecone: opened on first use, shared by stores, with its errors turned into ours."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pinecone import Pinecone, RetryConfig
from pinecone.errors import ForbiddenError, NotFoundError, PineconeError, UnauthorizedError

from service.errors import StoreUnavailable
from service.stores.redaction import without_input

NO_KEY = "Pinecone refuses the API key. Set it in WITHTHIS_STORE_TOKEN."
NO_INDEX = "There is no such Pinecone index yet. Fill it with `withthis index FEED`."
_RETRIES, _LONGEST_WAIT_S = 2, 1.0


class PineconeConnection:
    """One client of Pinecone, and one index. Safe to use from several threads."""

    def __init__(self, name: str, *, api_key: str, host: str | None = None, timeout_s: float = 10.0) -> None:
        """Nothing is opened yet. `name`: the index; `host` replaces the address of Pinecone's control plane."""
        self.name = name
        self._host = host
        retry = RetryConfig(max_retries=_RETRIES, max_wait=_LONGEST_WAIT_S)
        self._options: dict[str, Any] = {"api_key": api_key, "timeout": timeout_s, "host": host, "retry_config": retry}
        self._client: Any = None
        self._index: Any = None
        self._lock = threading.Lock()

    @property
    def is_open(self) -> bool:
        """Whether the index has been found and is connected to."""
        return self._index is not None

    def client(self) -> Any:
        """The client, for work on indexes."""
        with self._lock:
            if self._client is None:
                self._client = Pinecone(**self._options)
            return self._client

    def index(self) -> Any:
        """The index, for work on its rows. Raises StoreUnavailable if there is none of this name."""
        client = self.client()
        with self._lock:
            if self._index is None:
                try:
                    host = client.describe_index(self.name).host
                except NotFoundError as error:
                    raise StoreUnavailable(NO_INDEX) from error
                plain = self._host is not None and self._host.startswith("http://")  # Pinecone Local and similar
                self._index = client.Index(host=f"http://{host.rpartition('//')[2]}" if plain else host)
            return self._index

    def close(self) -> None:
        """Disconnect; the next use reconnects."""
        with self._lock:
            for opened in (self._index, self._client):
                if opened is not None:
                    opened.close()
            self._index = self._client = None


@contextmanager
def told() -> Iterator[None]:
    """Turn errors of the SDK into ours; its message goes only to the log."""
    try:
        yield
    except (UnauthorizedError, ForbiddenError) as error:
        raise StoreUnavailable(NO_KEY) from error
    except PineconeError as error:
        raise StoreUnavailable from without_input(error)
