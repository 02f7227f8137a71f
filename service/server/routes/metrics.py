"""`GET /metrics`."""

from __future__ import annotations

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from prometheus_client import CONTENT_TYPE_LATEST

from service.server.access.auth import ADMIN, OF_ALL_CATALOGS
from service.server.observability.metrics import Metrics
from service.server.openapi import protected


class MetricsController(Controller):
    """For Prometheus."""

    tags = ("health",)
    opt = ADMIN | OF_ALL_CATALOGS

    @get(
        "/metrics",
        summary="Metrics for Prometheus",
        media_type="text/plain",
        responses=protected(),
        sync_to_thread=False,
    )
    def metrics(self, metrics: NamedDependency[Metrics]) -> Response[bytes]:
        """Requests, stages of searches, faults, degraded answers, batches and queues; labels are bounded."""
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)
