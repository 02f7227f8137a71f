"""Middleware for every request: assigns an id, counts it, times it, and logs one line."""

from __future__ import annotations

import logging
import time

from litestar.datastructures import Headers, MutableScopeHeaders
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from service.server.observability.metrics import NO_CATALOG, NO_ROUTE, Metrics
from service.server.observability.request_log import chosen_id, request_id
from service.server.scope_notes import notes

logger = logging.getLogger("service.access")

_ID, _START, _KEY, _CATALOG = "withthis_request_id", "withthis_start", "withthis_key", "withthis_catalog"
QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
"""Routes that are polled every few seconds; they are counted, and logged only when they fail."""


def note_key(scope: Scope, name: str) -> None:
    """Remember which key a request came with, for the log."""
    notes(scope)[_KEY] = name


def note_catalog(scope: Scope, name: str) -> None:
    """Remember which catalog a request is about, for the log and the metrics; one that exists, so labels are few."""
    notes(scope)[_CATALOG] = name


class Observer:
    """Middleware and `before_send` hook: what has no route never reaches a middleware, but it is answered too."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def middleware(self, app: ASGIApp) -> ASGIApp:
        """Start the clock and name the request before any handler runs."""

        async def observed(scope: Scope, receive: Receive, send: Send) -> None:
            token = request_id.set(_begin(scope))
            try:
                await app(scope, receive, send)
            finally:
                request_id.reset(token)

        return observed

    async def before_send(self, message: Message, scope: Scope) -> None:
        """Add the id to the answer, count it and log it."""
        if message["type"] != "http.response.start":
            return
        MutableScopeHeaders.from_message(message)["X-Request-Id"] = _begin(scope)
        route, method, status = scope.get("path_template") or NO_ROUTE, str(scope.get("method")), message["status"]
        seconds = time.perf_counter() - notes(scope)[_START]
        key, catalog = notes(scope).get(_KEY), notes(scope).get(_CATALOG)
        self._metrics.answered(route, method, status, seconds, catalog=catalog or NO_CATALOG)
        if route not in QUIET or status >= 500:
            facts = {"route": route, "method": method, "status": status, "ms": round(seconds * 1000, 1)}
            text = "%(method)s %(route)s %(status)s in %(ms)s ms"
            logger.info(text, facts, extra=facts | {"key": key, "catalog": catalog})


def _begin(scope: Scope) -> str:
    """The request's id; what is done first starts the clock."""
    noted = notes(scope)
    if _ID not in noted:
        noted[_ID] = chosen_id(Headers.from_scope(scope).get("x-request-id"))
        noted[_START] = time.perf_counter()
    found: str = noted[_ID]
    return found
