"""Serves the search page at `/` and below `/catalogs`, its files below `/static` and its images below `/examples`."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from litestar import Response, Router, get
from litestar.datastructures import CacheControlHeader
from litestar.static_files import create_static_files_router

from service.server.access.auth import PUBLIC

STATIC = Path(__file__).parent / "static"

PAGE_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",  # blob: images just chosen; data: panels, and small copies of recent queries
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
"""Content security policy: this service's own files and nothing else; no inline code, no inline style."""


@get(["/", "/catalogs/{catalog:str}"], include_in_schema=False, opt=PUBLIC, sync_to_thread=False)
def page() -> Response[bytes]:
    """The search page. It is the same for any name, so that it tells nobody whether there is such a catalog."""
    html = (STATIC / "index.html").read_bytes()
    return Response(html, media_type="text/html", headers={"Cache-Control": "no-cache"})


def static_router() -> Router:
    """The page's style sheets, scripts and icon; revalidated each time, and sent only if they have changed."""
    return create_static_files_router(
        path="/static", directories=[STATIC], name="static", opt=PUBLIC, cache_control=CacheControlHeader(no_cache=True)
    )


def examples_router() -> Router:
    """The images of the example queries, which come with the starter models."""
    return create_static_files_router(
        path="/examples",
        directories=[Path(str(files("starter").joinpath("queries")))],
        name="examples",
        opt=PUBLIC,
        cache_control=CacheControlHeader(max_age=86_400),
    )
