"""The asynchronous client. Its calls are those of `service.client.synchronous`."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import anyio
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


def _method(build: Callable[P, Call[Answer]]) -> Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, Answer]]:
    """A method with the signature of the function that builds its call."""

    @functools.wraps(build)
    async def method(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> Answer:
        return await self.send(build(*args, **kwargs))

    return method


def _stream(
    build: Callable[P, Call[SearchOut]],
) -> Callable[Concatenate[AsyncClient, P], AsyncIterator[StreamedAnswer]]:
    """The same for a search whose answers are streamed."""

    @functools.wraps(build)
    def method(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[StreamedAnswer]:
        return self.stream(build(*args, **kwargs))

    return method


class AsyncClient:
    """A running service, on asyncio or trio; use it in an `async with`, or await `close`.

    All methods raise errors of `service.client.errors`.
    """

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8000",
        *,
        api_key: str | None = None,
        timeout: float = 60.0,
        retry: RetryPolicy | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`timeout`: seconds without a byte from the service; `retry`: what to do when it is busy or unavailable.

        Raises ConnectionFailedError for an invalid URL.
        """
        self._http = httpx.AsyncClient(**connection_options(base_url, api_key, timeout), transport=transport)
        self._retry = retry or RetryPolicy()

    async def __aenter__(self) -> Self:
        """Open."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

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

    async def put_products(self, products: Iterable[Mapping[str, Any]]) -> AsyncIterator[ItemOut]:
        """Create or replace any number, some at a time; the outcome for each, in order.

        A product has the fields of `put_product`. One that cannot be stored has the status `rejected`.
        """
        for lines in catalog.batches(products):
            for item in (await self.send(catalog.put_batch(lines))).results:
                yield item

    async def list_products(
        self, *, filter: Mapping[str, Any] | BaseModel | None = None, page_size: int = 100
    ) -> AsyncIterator[ProductOut]:
        """All products that match, in the order of their ids, fetched page by page."""
        cursor: str | None = None
        while True:
            page = await self.product_page(filter=filter, limit=page_size, cursor=cursor)
            for product in page.products:
                yield product
            if (cursor := page.next_cursor) is None:
                return

    async def stream(self, call: Call[SearchOut]) -> AsyncIterator[StreamedAnswer]:
        """The answers of a search as they come: in the retrieval order, then in the final one. It is sent once."""
        reader = EventReader()
        with connection_errors():
            async with self._http.stream(call.method, STREAM_PATH, **call.options) as response:
                if not response.is_success:
                    await response.aread()
                    call.answer(response)
                async for line in response.aiter_lines():
                    if (found := reader.feed(line)) is not None:
                        yield found

    async def send(self, call: Call[Answer]) -> Answer:
        """Send a call, with retries, and parse its answer."""
        attempt = 0
        while True:
            with connection_errors():
                response = await self._http.request(call.method, call.path, **call.options)
            status, headers = response.status_code, response.headers
            wait = self._retry.wait_s(attempt, status, headers, repeatable=call.repeatable)
            if wait is None:
                return call.answer(response)
            await anyio.sleep(wait)
            attempt += 1
