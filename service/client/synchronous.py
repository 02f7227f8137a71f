"""The synchronous client."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import httpx
from pydantic import BaseModel

from service.client import catalog, searches
from service.client.call import Call
from service.client.events import STREAM_PATH, EventReader, StreamedAnswer
from service.client.retry import RetryPolicy
from service.client.transport import connection_errors, connection_options
from service.wire.products import ItemOut
from service.wire.search import ProductOut, SearchOut

P = ParamSpec("P")
Answer = TypeVar("Answer")


def _method(build: Callable[P, Call[Answer]]) -> Callable[Concatenate[Client, P], Answer]:
    """A method with the signature of the function that builds its call."""

    @functools.wraps(build)
    def method(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> Answer:
        return self.send(build(*args, **kwargs))

    return method


def _stream(
    build: Callable[P, Call[SearchOut]],
) -> Callable[Concatenate[Client, P], Iterator[StreamedAnswer]]:
    """The same for a search whose answers are streamed."""

    @functools.wraps(build)
    def method(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[StreamedAnswer]:
        return self.stream(build(*args, **kwargs))

    return method


class Client:
    """A running service. Safe to use from several threads; use it in a `with`, or `close` it.

    All methods raise errors of `service.client.errors`.
    """

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8000",
        *,
        api_key: str | None = None,
        timeout: float = 60.0,
        retry: RetryPolicy | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """`timeout`: seconds without a byte from the service; `retry`: what to do when it is busy or unavailable.

        Raises ConnectionFailedError for an invalid URL.
        """
        self._http = httpx.Client(**connection_options(base_url, api_key, timeout), transport=transport)
        self._retry = retry or RetryPolicy()

    def __enter__(self) -> Self:
        """Open."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    search = _method(searches.search)
    search_stream = _stream(searches.search)
    options = _method(searches.options)
    rerank = _method(searches.rerank)
    embeddings = _method(searches.embeddings)
    feedback = _method(searches.feedback)
    image = _method(searches.image)
    ready = _method(searches.ready)
    alive = _method(searches.alive)
    put_product = _method(catalog.put_product)
    get_product = _method(catalog.get_product)
    patch_product = _method(catalog.patch_product)
    delete_product = _method(catalog.delete_product)
    product_page = _method(catalog.product_page)

    def put_products(self, products: Iterable[Mapping[str, Any]]) -> Iterator[ItemOut]:
        """Create or replace any number, some at a time; the outcome for each, in order.

        A product has the fields of `put_product`. One that cannot be stored has the status `rejected`.
        """
        for lines in catalog.batches(products):
            yield from self.send(catalog.put_batch(lines)).results

    def list_products(
        self, *, filter: Mapping[str, Any] | BaseModel | None = None, page_size: int = 100
    ) -> Iterator[ProductOut]:
        """All products that match, in the order of their ids, fetched page by page."""
        cursor: str | None = None
        while True:
            page = self.product_page(filter=filter, limit=page_size, cursor=cursor)
            yield from page.products
            if (cursor := page.next_cursor) is None:
                return

    def stream(self, call: Call[SearchOut]) -> Iterator[StreamedAnswer]:
        """The answers of a search as they come: in the retrieval order, then in the final one. It is sent once."""
        reader = EventReader()
        with (
            connection_errors(),
            self._http.stream(call.method, STREAM_PATH, **call.options) as response,
        ):
            if not response.is_success:
                response.read()
                call.answer(response)
            for line in response.iter_lines():
                if (found := reader.feed(line)) is not None:
                    yield found

    def send(self, call: Call[Answer]) -> Answer:
        """Send a call, with retries, and parse its answer."""
        attempt = 0
        while True:
            with connection_errors():
                response = self._http.request(call.method, call.path, **call.options)
            status, headers = response.status_code, response.headers
            wait = self._retry.wait_s(attempt, status, headers, repeatable=call.repeatable)
            if wait is None:
                return call.answer(response)
            time.sleep(wait)
            attempt += 1
