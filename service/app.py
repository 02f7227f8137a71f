"""`create_app`: the one place where HTTP is wired to the parts that do the work."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version

import anyio.to_thread
from litestar import Litestar
from litestar.datastructures import MutableScopeHeaders, State
from litestar.di import Provide
from litestar.types import Message, Scope

from service.api.admission import Admission
from service.api.health import HealthController
from service.api.images import ImageController
from service.api.openapi import openapi_config
from service.api.problems import EXCEPTION_HANDLERS
from service.api.search import SearchController
from service.parts import Parts, build_parts
from service.settings import Settings, load_settings
from service.web.page import PAGE_POLICY, page, static_router

logger = logging.getLogger(__name__)

SECURITY_HEADERS = {
    "Content-Security-Policy": PAGE_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def create_app(settings: Settings | None = None, parts: Parts | None = None) -> Litestar:
    """The service as an ASGI application.

    `parts` given: used as they are and left open at the end. Otherwise they are built from the settings when the
    application starts and closed when it ends; a wrong setting or a missing model then stops the start.
    """
    settings = settings or load_settings()

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        built = await anyio.to_thread.run_sync(build_parts, settings) if parts is None else parts
        app.state.parts = built
        try:
            yield
        finally:
            if parts is None:
                await anyio.to_thread.run_sync(built.close)

    return Litestar(
        route_handlers=[SearchController, ImageController, HealthController, page, static_router()],
        dependencies={
            "parts": Provide(_parts, sync_to_thread=False),
            "settings": Provide(_settings, sync_to_thread=False),
            "admission": Provide(_admission, sync_to_thread=False),
        },
        state=State({"settings": settings, "admission": _new_admission(settings)}),
        lifespan=[lifespan],
        exception_handlers=EXCEPTION_HANDLERS,
        before_send=[_add_security_headers],
        request_max_body_size=settings.max_body_bytes,
        multipart_form_part_limit=8,
        openapi_config=openapi_config(package_version()),
        logging_config=None,
    )


def package_version() -> str:
    """The installed version; "0" when run from a checkout that is not installed."""
    try:
        return version("withthis")
    except PackageNotFoundError:
        return "0"


def _new_admission(settings: Settings) -> Admission:
    return Admission(
        concurrency=settings.search_concurrency,
        queue=settings.search_queue,
        wait_s=settings.search_queue_wait_ms / 1000,
        retry_after_s=settings.retry_after_s,
    )


def _parts(state: State) -> Parts:
    found: Parts = state.parts
    return found


def _settings(state: State) -> Settings:
    found: Settings = state.settings
    return found


def _admission(state: State) -> Admission:
    found: Admission = state.admission
    return found


async def _add_security_headers(message: Message, scope: Scope) -> None:
    """On every answer, errors and static files too; what a handler has set stays."""
    if message["type"] == "http.response.start":
        headers = MutableScopeHeaders.from_message(message)
        for name, value in SECURITY_HEADERS.items():
            headers.setdefault(name, value)
