"""The uvicorn configuration, for one process and for workers."""

from __future__ import annotations

from functools import partial
from typing import Any

from service.server.connections import descriptors
from service.server.connections.protocol import BoundedProtocol, ConnectionBounds


def server_options(
    *,
    header_timeout_s: float,
    write_timeout_s: float,
    max_connections: int,
    max_header_bytes: int,
    log_level: str,
    trusted_proxies: list[str],
) -> dict[str, Any]:
    """Keyword arguments of `uvicorn.Config`. Raises this process's limit of descriptors, which its children inherit."""
    bounds = ConnectionBounds(
        header_timeout_s=header_timeout_s,
        write_timeout_s=write_timeout_s,
        max_connections=min(max_connections, descriptors.raise_limit() // 2),
    )
    return {
        "http": partial(BoundedProtocol, bounds),
        "ws": "none",  # not used here
        "h11_max_incomplete_event_size": max_header_bytes,
        "log_config": None,
        "log_level": log_level.lower(),
        "access_log": False,  # it would log query strings; the application has its own log
        "server_header": False,
        "proxy_headers": bool(trusted_proxies),
        "forwarded_allow_ips": trusted_proxies,
    }
