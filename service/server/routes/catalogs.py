"""`GET /v1/catalogs`: the catalogs that a key opens."""

from __future__ import annotations

from typing import Any

from litestar import Controller, Request, get
from litestar.datastructures import State

from service.server.access.auth import OF_NO_CATALOG, SEARCH
from service.server.access.reach import reach_of
from service.server.mapping.catalogs_out import catalogs_out
from service.server.openapi import protected
from service.server.requests.parameters import known_parameters_only
from service.wire.catalogs import CatalogsOut


class CatalogsController(Controller):
    """The catalogs of a service."""

    path = "/v1/catalogs"
    tags = ("search",)
    opt = SEARCH | OF_NO_CATALOG
    guards = (known_parameters_only,)

    @get(summary="List the catalogs that the key opens", responses=protected())
    async def list_catalogs(self, request: Request[Any, Any, Any], state: State) -> CatalogsOut:
        """Names, paths, and whether each can be searched. The routes of the default catalog need no name."""
        return CatalogsOut(catalogs=catalogs_out(await state.readiness(), reach_of(request.scope)))
