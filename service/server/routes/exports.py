"""`GET /v1/export`: the catalog as JSON lines, in a stream of bounded memory.

Each batch is read in a slot of its own and sent without one. If the store fails midway, the connection is closed and
the last line is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter
from litestar.types import ASGIApp, Receive, Scope, Send

from service.catalog.exporting import export_products
from service.errors import ClientGone
from service.server.access.auth import ADMIN
from service.server.admission import Admission
from service.server.bulkheads import Bulkheads
from service.server.catalog import Catalog
from service.server.connection import while_connected
from service.server.openapi import of_catalog
from service.server.requests.filter_parameter import FilterParameter, filter_of
from service.server.requests.parameters import known_parameters_only
from service.server.requests.product_input import NDJSON
from service.wire.export_lines import ExportedProduct

_LINES = "a head (`withthis_export`), a product a line, and an end that says how many there were"


class ExportController(Controller):
    """The export of the catalog."""

    path = "/export"
    tags = ("products",)
    opt = ADMIN
    guards = (known_parameters_only,)

    @get(
        summary="Export the catalog",
        responses={
            200: ResponseSpec(ExportedProduct, description=_LINES, media_type=NDJSON, generate_examples=False),
            **of_catalog((400, "the filter is not valid"), (503, "the store does not answer")),
        },
    )
    async def export(
        self,
        *,
        parts: NamedDependency[Catalog],
        bulkheads: NamedDependency[Bulkheads],
        filter: FilterParameter = None,
        vectors: Annotated[bool, QueryParameter(description="with the vectors of all images")] = False,
    ) -> ASGIApp:
        """All products, ordered by id, as `withthis import` takes them. The last line is its end."""
        wanted = filter_of(filter)
        store = (await bulkheads.catalog.run(parts.ready)).store
        return ExportStream(export_products(store, vectors=vectors, filter=wanted), bulkheads.catalog)


class ExportStream:
    """The ASGI application that answers one export."""

    def __init__(self, batches: Iterator[list[bytes]], room: Admission) -> None:
        self._batches = batches
        self._room = room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer. Raises StoreUnavailable, Overloaded."""
        with suppress(ClientGone):  # there is nobody left to answer
            async with while_connected(receive):
                await self._answer(send)

    async def _answer(self, send: Send) -> None:
        lines = await self._next()
        headers = [(b"content-type", NDJSON.encode()), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        while lines is not None:
            await send({"type": "http.response.body", "body": b"".join(lines), "more_body": True})
            lines = await self._next()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _next(self) -> list[bytes] | None:
        return await self._room.run(lambda: next(self._batches, None))
