"""Serves the search page at `/` and its files under `/static`."""

from __future__ import annotations

from pathlib import Path

from litestar import Response, Router, get
from litestar.datastructures import CacheControlHeader
from litestar.static_files import create_static_files_router

from service.api.auth import PUBLIC

STATIC = Path(__file__).parent / "static"

PAGE_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",  # blob: the preview of a picture that has just been chosen
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
"""Content security policy: this service's own files and nothing else; no inline code, no inline style."""


@get("/", include_in_schema=False, opt=PUBLIC, sync_to_thread=False)
def page() -> Response[bytes]:
    """The search page."""
    html = (STATIC / "index.html").read_bytes()
    return Response(html, media_type="text/html", headers={"Cache-Control": "no-cache"})


def static_router() -> Router:
    """The page's style sheet, script and icon."""
    return create_static_files_router(
        path="/static", directories=[STATIC], name="static", opt=PUBLIC, cache_control=CacheControlHeader(no_cache=True)
    )
