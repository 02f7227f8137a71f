"""Liveness and readiness."""

from __future__ import annotations

from typing import Any

from litestar import Controller, Request, get
from litestar.datastructures import State
from litestar.di import NamedDependency

from service.errors import ShuttingDown
from service.server.access.auth import PUBLIC
from service.server.access.reach import reach_of
from service.server.mapping.catalogs_out import ready_out
from service.server.openapi import NO_KEY, problems
from service.server.state import ServiceState
from service.wire.catalogs import ReadyOut


class HealthController(Controller):
    """For load balancers and orchestrators."""

    tags = ("health",)
    opt = PUBLIC
    security = NO_KEY

    @get(["/healthz", "/health"], summary="Is the process alive?", sync_to_thread=False)
    def healthz(self) -> dict[str, str]:
        """Touches no model and no store, so a busy service is not mistaken for a dead one.

        vLLM and Infinity have it at `/health`.
        """
        return {"status": "ok"}

    @get("/readyz", summary="Can it answer searches?", responses=problems((503, "the store does not answer")))
    async def readyz(
        self, request: Request[Any, Any, Any], service: NamedDependency[ServiceState], state: State
    ) -> ReadyOut:
        """The encoder is loaded, the store has a collection made by this encoder, and the service is not stopping.

        Of several catalogs one is enough; which are not ready, is told to keys that open them.
        """
        if state.get("stopping", False):
            raise ShuttingDown
        return ready_out(await state.readiness(), reach_of(request.scope), service.encoder.info.id)
