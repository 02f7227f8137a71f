"""`POST /v1/search` and `POST /v1/search/stream`."""

from __future__ import annotations

from typing import Any

from litestar import Controller, Request, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.types import ASGIApp

from service.search.types import SearchRequest
from service.server.access.auth import SEARCH
from service.server.catalog import Catalog
from service.server.connection import while_connected
from service.server.defaults import RequestDefaults
from service.server.mapping.search_options import search_options
from service.server.openapi import form, of_catalog, reference, takes, upload
from service.server.requests.parameters import known_parameters_only
from service.server.requests.search_input import read_search
from service.server.routes.search_halves import SearchHalves
from service.server.routes.stream import EVENT_STREAM, SearchEvent, SearchStream
from service.wire.search import SearchBody, SearchOut
from service.wire.search_options import SearchOptionsOut

_TAKES = takes(
    {
        "application/json": SearchBody,
        "multipart/form-data": form(image=upload(), query=reference(SearchBody)),
    }
)
_STORE = (503, "the store does not answer")
_ERRORS = (
    (400, "the request is not valid"),
    (404, "the product whose image was to be used does not exist"),
    (408, "the body arrived too slowly"),
    (413, "the body or the image is too large"),
    (415, "neither JSON nor multipart, or an image format that is not accepted"),
    (422, "the image cannot be used"),
    (429, "too many searches at once; see Retry-After"),
)
_EVENTS = (
    "Server-sent events. `retrieved`: a SearchOut in retrieval order; then `ranked`: the final SearchOut, or "
    "`problem`: a problem document, if reranking was required and failed, or the prompt does not fit."
)


class SearchController(Controller):
    """Composed search."""

    path = "/search"
    tags = ("search",)
    opt = SEARCH
    guards = (known_parameters_only,)

    @post(
        status_code=200,
        operation_class=_TAKES,
        summary="Search by text, image, or both",
        responses=of_catalog(*_ERRORS, (503, "the store does not answer, or reranking was required and failed")),
    )
    async def search(
        self,
        request: Request[Any, Any, Any],
        *,
        halves: NamedDependency[SearchHalves],
    ) -> SearchOut:
        """Retrieve products for a text and an image, rerank them, and explain the order."""
        query = await _query(request, halves)
        async with while_connected(request.receive):
            return (await halves.whole(query)).out

    @post(
        "/stream",
        status_code=200,
        operation_class=_TAKES,
        summary="Search, with the retrieval order sent before reranking",
        responses={
            200: ResponseSpec(SearchEvent, description=_EVENTS, media_type=EVENT_STREAM, generate_examples=False),
            **of_catalog(*_ERRORS, _STORE),
        },
    )
    async def stream(
        self,
        request: Request[Any, Any, Any],
        *,
        halves: NamedDependency[SearchHalves],
    ) -> ASGIApp:
        """Takes the same request as `/v1/search`, and answers with two events: `retrieved`, then `ranked` or `problem`.

        Whatever is wrong with the request is an ordinary error: the events begin only when products were found.
        """
        return SearchStream(await _query(request, halves), halves)

    @get("/options", summary="List search options", responses=of_catalog(), sync_to_thread=False)
    def options(self, parts: NamedDependency[Catalog], defaults: NamedDependency[RequestDefaults]) -> SearchOptionsOut:
        """The strategies and prompts that the configured engine can run, the defaults, and the limits."""
        return search_options(parts.rerank, parts.encoder.info, defaults)


async def _query(request: Request[Any, Any, Any], halves: SearchHalves) -> SearchRequest:
    """The validated request. Raises as `read_search` and `to_request`."""
    return halves.to_query(*await read_search(request, halves.defaults.max_body_bytes))
