"""The uvicorn configuration, for one process and for workers."""

from __future__ import annotations

from functools import partial
from typing import Any

from service.server.connections import descriptors
from service.server.connections.protocol import BoundedProtocol, ConnectionBounds
from service.settings import Settings


def server_options(settings: Settings) -> dict[str, Any]:
    """Keyword arguments of `uvicorn.Config`. Raises this process's limit of descriptors, which its children inherit."""
    bounds = ConnectionBounds(
        header_timeout_s=settings.server.header_timeout_s,
        write_timeout_s=settings.server.write_timeout_s,
        max_connections=min(settings.server.max_connections, descriptors.raise_limit() // 2),
    )
    return {
        "http": partial(BoundedProtocol, bounds),
        "ws": "none",  # not used here
        "h11_max_incomplete_event_size": settings.server.max_header_bytes,
        "log_config": None,
        "log_level": settings.server.log_level.lower(),
        "access_log": False,  # it would log query strings; the application has its own log
        "server_header": False,
        "proxy_headers": bool(settings.server.trusted_proxies),
        "forwarded_allow_ips": settings.server.trusted_proxies,
    }
