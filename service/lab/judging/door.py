"""Keeps other websites out of a server that listens on the judge's own machine and knows no keys.

A page of another site that is open in the same browser can send requests here. Two checks stop it:

- ``Host`` must be the address that is listened on, so that a name which an attacker lets point at 127.0.0.1 (DNS
  rebinding) opens nothing.
- What changes something is PUT or DELETE, which a browser sends for another site only after a preflight (Fetch
  standard), and nobody answers those here; ``Origin``, which browsers add to all of them, must be our own besides.
"""

from __future__ import annotations

from typing import Any

from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.handlers import BaseRouteHandler

from service.lab.errors import ForeignRequest

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_READS = frozenset({"GET", "HEAD"})


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches this address."""
    return host.lower() in _LOOPBACK


class OwnPageOnly:
    """The guard over all routes."""

    def __init__(self, port: int, host: str) -> None:
        """`host`: the address that is listened on; the names of this machine are open besides."""
        names = {f"[{name}]" if ":" in name else name for name in (*_LOOPBACK, host.lower())}
        # A browser leaves out the port that http has anyway.
        self._hosts = frozenset({f"{name}:{port}" for name in names} | (names if port == 80 else set()))

    def __call__(self, connection: ASGIConnection[Any, Any, Any, State], handler: BaseRouteHandler) -> None:
        """Let a request pass. Raises ForeignRequest."""
        host = connection.headers.get("host", "").lower()
        if host not in self._hosts:
            raise ForeignRequest
        origin = connection.headers.get("origin")
        if connection.scope.get("method") not in _READS and origin is not None and origin.lower() != f"http://{host}":
            raise ForeignRequest
