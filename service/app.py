"""`create_app`: the only place where HTTP is wired to the components that do the work."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import anyio.to_thread
from litestar import Litestar, Router
from litestar.config.cors import CORSConfig
from litestar.datastructures import MutableScopeHeaders, State
from litestar.di import Provide
from litestar.types import Guard, Message, Scope

from service.build import Parts, build_parts
from service.search.online.evaluation import OnlineEvaluation
from service.server.access.auth import Door
from service.server.access.origin import OwnPagesOnly, names_of
from service.server.bulkheads import Bulkheads
from service.server.head import HeadApp
from service.server.observability.metrics import Metrics
from service.server.observability.observe import Observer
from service.server.observability.shared_metrics import new_metrics
from service.server.observability.tracing import new_tracing
from service.server.observability.watched import watch
from service.server.openapi import openapi_config
from service.server.page.page import PAGE_POLICY, examples_router, page, static_router
from service.server.probe import SharedCheck
from service.server.problems import EXCEPTION_HANDLERS
from service.server.requests.body_guard import BodyGuard
from service.server.routes.compatible import EmbeddingsController, RerankController
from service.server.routes.feedback import FeedbackController
from service.server.routes.health import HealthController
from service.server.routes.images import ImageController
from service.server.routes.metrics import MetricsController
from service.server.routes.products import ProductController
from service.server.routes.search import SearchController
from service.settings import Settings, load_settings

if TYPE_CHECKING:
    from service.server.observability.spans import Spans

SECURITY_HEADERS = {
    "Content-Security-Policy": PAGE_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

ALLOWED_HEADERS = [
    *("Authorization", "Content-Type", "X-API-Key", "X-Request-Id"),
    # OpenAI's client says on every request where it runs; without these a browser would not send it.
    *(f"X-Stainless-{name}" for name in ("Arch", "Async", "Helper-Method", "Lang", "OS", "Package-Version")),
    *(f"X-Stainless-{name}" for name in ("Poll-Helper", "Retry-Count", "Runtime", "Runtime-Version", "Timeout")),
    *("X-Client-Name", "X-Fern-Language", "X-Fern-Runtime", "X-Fern-Runtime-Version", "X-Fern-SDK-Name"),
    "X-Fern-SDK-Version",
]
"""What a page of another origin may send: our own, and what the clients of OpenAI and Cohere add by themselves."""


def create_app(settings: Settings | None = None, parts: Parts | None = None) -> Litestar:
    """The service as an ASGI application.

    `parts` given: used as they are and left open at the end. Otherwise they are built from the settings when the
    application starts and closed when it ends; a wrong setting or a missing model then stops the start.
    """
    settings = settings or load_settings()
    metrics = new_metrics()
    observer, spans = Observer(metrics), new_tracing(settings)
    online = OnlineEvaluation(settings, metrics.search_logged)

    return HeadApp(
        route_handlers=[
            SearchController,
            RerankController,
            EmbeddingsController,
            FeedbackController,
            # A layer of its own: each line of a stream of products is bounded by max_body_bytes.
            Router("/", route_handlers=[ProductController], request_max_body_size=settings.server.max_feed_bytes),
            ImageController,
            HealthController,
            MetricsController,
            page,
            static_router(),
            examples_router(),
        ],
        dependencies={
            "parts": Provide(_parts, sync_to_thread=False),
            "settings": Provide(_settings, sync_to_thread=False),
            "bulkheads": Provide(_bulkheads, sync_to_thread=False),
            "metrics": Provide(_metrics, sync_to_thread=False),
            "online": Provide(_online, sync_to_thread=False),
        },
        state=State(
            {
                "settings": settings,
                "bulkheads": Bulkheads.from_settings(settings),
                "metrics": metrics,
                "online": online,
            }
        ),
        guards=_guards(settings),
        cors_config=_cors(settings),
        lifespan=[_lifespan(parts, spans)],
        exception_handlers=EXCEPTION_HANDLERS,
        middleware=[observer.middleware, *([spans.middleware] if spans else []), _new_body_guard(settings).middleware],
        before_send=[_add_security_headers, observer.before_send],
        request_max_body_size=settings.server.max_body_bytes,
        openapi_config=openapi_config(package_version(), settings),
        logging_config=None,
    )


def _lifespan(parts: Parts | None, spans: Spans | None) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    """What is begun with the application and ended with it; `parts` as in `create_app`."""

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        state = app.state
        built = await anyio.to_thread.run_sync(build_parts, state.settings) if parts is None else parts
        state.parts = built
        state.readiness = SharedCheck(built.check)
        watch(state.metrics, built, state.bulkheads)
        state.online.start()
        try:
            yield
        finally:
            await anyio.to_thread.run_sync(state.online.close)
            if parts is None:
                await anyio.to_thread.run_sync(built.close)
            if spans is not None:
                await anyio.to_thread.run_sync(spans.close)

    return lifespan


def package_version() -> str:
    """The installed version; "0" when run from a checkout that is not installed."""
    try:
        return version("withthis")
    except PackageNotFoundError:
        return "0"


def _guards(settings: Settings) -> list[Guard]:
    """Keys if there are any; else the names and pages that may call."""
    own = [] if settings.server.api_keys else [OwnPagesOnly(names_of(settings), settings.server.cors_origins)]
    return [*own, Door(settings)]


def _cors(settings: Settings) -> CORSConfig | None:
    """Which pages of other origins may call the service. Keys travel in headers, never in cookies."""
    if not settings.server.cors_origins:
        return None
    return CORSConfig(
        allow_origins=settings.server.cors_origins,
        allow_headers=ALLOWED_HEADERS,
        expose_headers=["Retry-After", "X-Request-Id"],
    )


def _new_body_guard(settings: Settings) -> BodyGuard:
    return BodyGuard(
        timeout_s=settings.server.body_timeout_s,
        min_rate=settings.server.body_min_rate,
        max_held=max(settings.server.max_held_bytes, settings.server.max_body_bytes),
        retry_after_s=settings.server.retry_after_s,
    )


def _parts(state: State) -> Parts:
    found: Parts = state.parts
    return found


def _settings(state: State) -> Settings:
    found: Settings = state.settings
    return found


def _bulkheads(state: State) -> Bulkheads:
    found: Bulkheads = state.bulkheads
    return found


def _metrics(state: State) -> Metrics:
    found: Metrics = state.metrics
    return found


def _online(state: State) -> OnlineEvaluation:
    found: OnlineEvaluation = state.online
    return found


async def _add_security_headers(message: Message, scope: Scope) -> None:
    """On every answer, errors and static files too; what a handler has set stays."""
    if message["type"] == "http.response.start":
        headers = MutableScopeHeaders.from_message(message)
        for name, value in SECURITY_HEADERS.items():
            headers.setdefault(name, value)
