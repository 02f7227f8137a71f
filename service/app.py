"""`create_app`: the only place where HTTP is wired to the components that do the work."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import anyio.to_thread
from litestar import Litestar
from litestar.config.cors import CORSConfig
from litestar.datastructures import MutableScopeHeaders, State
from litestar.di import Provide
from litestar.types import Guard, Message, Scope

from service.build import build_service
from service.errors import ConfigurationError
from service.search.online.evaluation import OnlineEvaluation, OnlineOptions
from service.search.online.rival import Rival
from service.server.access import auth
from service.server.access.origin import OwnPagesOnly, names_of
from service.server.bulkheads import Bulkheads, BulkheadSizes
from service.server.defaults import RequestDefaults
from service.server.head import HeadApp
from service.server.mcp import NO_MCP
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
from service.server.routes.catalogs import CatalogsController
from service.server.routes.compatible import EmbeddingsController, RerankController
from service.server.routes.health import HealthController
from service.server.routes.metrics import MetricsController
from service.server.routes.mounting import catalog_routers
from service.server.state import ServiceState
from service.settings import Settings, load_settings
from service.support.version import package_version

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


def create_app(settings: Settings | None = None, service: ServiceState | None = None) -> Litestar:
    """The service as an ASGI application.

    `service` given: used as it is and left open at the end. Otherwise it is built from the settings when the
    application starts and closed when it ends; a wrong setting or a missing model then stops the start.
    """
    settings = settings or load_settings()
    metrics = new_metrics(settings.catalog_names)
    observer, spans = Observer(metrics), new_tracing(asked=settings.server.tracing)
    online = {
        name: OnlineEvaluation(online_options(settings.of_catalog(name)), partial(metrics.search_logged, name))
        for name in settings.catalog_names
    }

    return HeadApp(
        route_handlers=[
            CatalogsController,
            *catalog_routers(settings.server.max_feed_bytes, with_mcp=settings.server.mcp),
            RerankController,
            EmbeddingsController,
            HealthController,
            MetricsController,
            page,
            static_router(),
            examples_router(),
        ],
        dependencies={
            "service": Provide(_service, sync_to_thread=False),
            "defaults": Provide(_defaults, sync_to_thread=False),
            "bulkheads": Provide(_bulkheads, sync_to_thread=False),
            "metrics": Provide(_metrics, sync_to_thread=False),
        },
        state=State(
            {
                "settings": settings,
                "defaults": request_defaults(settings),
                "bulkheads": Bulkheads.of_sizes(bulkhead_sizes(settings)),
                "metrics": metrics,
                "online": online,
            }
        ),
        guards=_guards(settings),
        cors_config=_cors(settings),
        lifespan=[_lifespan(service, spans), *([_mcp(settings)] if settings.server.mcp else [])],
        exception_handlers=EXCEPTION_HANDLERS,
        middleware=[observer.middleware, *([spans.middleware] if spans else []), _new_body_guard(settings).middleware],
        before_send=[_add_security_headers, observer.before_send],
        request_max_body_size=settings.server.max_body_bytes,
        openapi_config=openapi_config(
            package_version(),
            with_keys=bool(settings.server.api_keys),
            max_text_chars=settings.search.max_text_chars,
            max_limit=settings.search.max_limit,
        ),
        logging_config=None,
    )


def _lifespan(
    service: ServiceState | None, spans: Spans | None
) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    """What is begun with the application and ended with it; `service` as in `create_app`."""

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        state = app.state
        built = await anyio.to_thread.run_sync(build_service, state.settings) if service is None else service
        state.service = built
        state.readiness = SharedCheck(built.check)
        watch(state.metrics, built, state.bulkheads)
        for online in state.online.values():
            online.start()
        try:
            yield
        finally:
            for online in state.online.values():
                await anyio.to_thread.run_sync(online.close)
            if service is None:
                await anyio.to_thread.run_sync(built.close)
            if spans is not None:
                await anyio.to_thread.run_sync(spans.close)

    return lifespan


def _mcp(settings: Settings) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    """What answers agents, for as long as the application runs. Raises ConfigurationError without the extra."""
    try:
        from service.server.mcp.endpoint import McpEndpoint  # noqa: PLC0415 (an extra, and slow to load)
    except ImportError as error:
        raise ConfigurationError(NO_MCP) from error

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        endpoint = McpEndpoint(package_version(), max_body_bytes=settings.server.max_body_bytes)
        app.state.mcp = endpoint
        async with endpoint.open():
            yield

    return lifespan


def _guards(settings: Settings) -> list[Guard]:
    """Keys if there are any; else the names and pages that may call."""
    server = settings.server
    names = names_of(server.host, server.allowed_hosts)
    own = [] if server.api_keys else [OwnPagesOnly(names, server.cors_origins)]
    door = auth.Door(
        server.api_keys,
        public_images=settings.images.public,
        rate_limit_per_minute=server.rate_limit_per_minute,
        catalogs=settings.catalog_names,
    )
    return [*own, door]


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


def request_defaults(settings: Settings) -> RequestDefaults:
    """What the settings say of requests that leave it out, and of the limits of all."""
    search, images, server, rerank = settings.search, settings.images, settings.server, settings.rerank
    return RequestDefaults(
        limit=search.default_limit,
        max_limit=search.max_limit,
        max_text_chars=search.max_text_chars,
        max_body_bytes=server.max_body_bytes,
        max_feed_lines=server.max_feed_lines,
        max_image_bytes=images.max_image_bytes,
        max_image_pixels=images.max_image_pixels,
        max_request_pixels=images.max_request_pixels,
        max_deadline_ms=rerank.max_deadline_ms,
        reranked=rerank.enabled,
        understood=search.understand_enabled,
        hybrid=search.hybrid_defaults(),
        negative_weight=search.negative_weight,
    )


def bulkhead_sizes(settings: Settings) -> BulkheadSizes:
    """What the settings say of the work that is done at the same time."""
    return BulkheadSizes(
        search=settings.server.search_concurrency,
        compatible=settings.server.compatible_concurrency,
        rerank=settings.rerank.concurrency + settings.rerank.queue,
        queue=settings.server.search_queue,
        wait_s=settings.server.search_queue_wait_ms / 1000,
        retry_after_s=settings.server.retry_after_s,
    )


def _rival(settings: Settings) -> Rival | None:
    """What A is compared with, which reranks as A does if it is said to differ in retrieval alone."""
    rival = settings.online.interleave
    if rival is None or not rival.only_retrieves:
        return rival
    return rival.model_copy(update={"enabled": settings.rerank.enabled})


def online_options(settings: Settings) -> OnlineOptions:
    """What the settings say of the search log, feedback and interleaving."""
    return OnlineOptions(
        folder=settings.online.search_log,
        with_text=settings.online.search_log_text,
        feedback=settings.online.feedback,
        rival=_rival(settings),
        share=settings.online.interleave_share,
        reranked=settings.rerank.enabled,
        retry_after_s=settings.server.retry_after_s,
    )


def _service(state: State) -> ServiceState:
    found: ServiceState = state.service
    return found


def _defaults(state: State) -> RequestDefaults:
    found: RequestDefaults = state.defaults
    return found


def _bulkheads(state: State) -> Bulkheads:
    found: Bulkheads = state.bulkheads
    return found


def _metrics(state: State) -> Metrics:
    found: Metrics = state.metrics
    return found


async def _add_security_headers(message: Message, scope: Scope) -> None:
    """On every answer, errors and static files too; what a handler has set stays."""
    if message["type"] == "http.response.start":
        headers = MutableScopeHeaders.from_message(message)
        for name, value in SECURITY_HEADERS.items():
            headers.setdefault(name, value)
