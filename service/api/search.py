"""`POST /v1/search`."""

from __future__ import annotations

from functools import partial
from typing import Any

from litestar import Controller, Request, post
from litestar.di import NamedDependency

from service.api.admission import Admission
from service.api.auth import SEARCH
from service.api.openapi import form, protected, reference, takes, upload
from service.api.schemas import SearchBody, SearchOut, from_response, to_request
from service.api.search_input import read_search
from service.errors import RerankRequired
from service.metrics import Metrics
from service.parts import Parts
from service.settings import Settings


class SearchController(Controller):
    """Composed search."""

    path = "/v1/search"
    tags = ("search",)
    opt = SEARCH

    @post(
        status_code=200,
        operation_class=takes(
            {
                "application/json": SearchBody,
                "multipart/form-data": form(image=upload(), query=reference(SearchBody)),
            }
        ),
        summary="Search with a sentence, a picture, or both",
        responses=protected(
            (400, "the request cannot be understood"),
            (404, "the product whose picture was to be used does not exist"),
            (413, "the body or the picture is too large"),
            (415, "neither JSON nor multipart, or a picture format that is not accepted"),
            (422, "the picture cannot be used"),
            (429, "too many searches at once; see Retry-After"),
            (503, "the store does not answer, or reranking was required and failed"),
        ),
    )
    async def search(
        self,
        request: Request[Any, Any, Any],
        parts: NamedDependency[Parts],
        settings: NamedDependency[Settings],
        admission: NamedDependency[Admission],
        metrics: NamedDependency[Metrics],
    ) -> SearchOut:
        """Retrieve products for a sentence and a picture, rerank them, and say why they stand where they stand."""
        body, image = await read_search(request)
        query = to_request(
            body,
            image,
            default_limit=settings.default_limit,
            enabled_by_default=settings.rerank_enabled or body.rerank.require,
        )
        try:
            answer = await admission.run(partial(parts.search, query))
        except RerankRequired as error:
            metrics.reranked(error.fault, error.degraded)
            raise
        metrics.searched(answer)
        return from_response(answer)
