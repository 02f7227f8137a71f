"""Keeps pages of other websites out of a service without keys.

Without keys, reaching the service is all it takes, and a page of another site that is open in
the operator's browser can reach what its machine can. Two checks prevent this:

- `Host` must be a name of this service, so that DNS rebinding does not work.
- What may change something must come from our own page or one that is named. Browsers say where a request comes from
  (`Sec-Fetch-Site`, else `Origin`); other programs send neither and pass. The steps are those of Go's
  `http.CrossOriginProtection`, plus a check of `Host`.

With keys neither is needed: they travel in headers, which a browser sends for another site only after asking, and then
with `WITHTHIS_CORS_ORIGINS` alone.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.handlers import BaseRouteHandler

from service.errors import ForeignRequest
from service.server.access.auth import LOOPBACK, declared, is_loopback

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITES = frozenset({"same-origin", "none"})


def names_of(host: str, allowed_hosts: Collection[str]) -> Collection[str] | None:
    """The host names of a service without keys; None: any.

    A service on the network has names that it cannot know, and `WITHTHIS_ALLOW_ANONYMOUS` says that
    something in front of it keeps strangers out.
    """
    if "*" in allowed_hosts:
        return None
    if allowed_hosts:
        return allowed_hosts
    return [in_header(name) for name in LOOPBACK] if is_loopback(host) else None


def in_header(name: str) -> str:
    """A name or address unchanged in `Host`."""
    return f"[{name}]" if ":" in name else name


class OwnPagesOnly:
    """The guard over all routes."""

    def __init__(self, hosts: Collection[str] | None, origins: Collection[str] = (), detail: str | None = None) -> None:
        """`hosts`: names in lower-case letters, with or without a port, or `*.` and a domain; None: any. `origins`:
        other pages that may call, "*" for all. `detail`: what an error says in place of its own text.
        """
        self._hosts = None if hosts is None else frozenset(hosts)
        self._domains = tuple(host[1:] for host in hosts or () if host.startswith("*."))
        self._origins = frozenset(origins)
        self._detail = detail

    async def __call__(self, connection: ASGIConnection[Any, Any, Any, State], handler: BaseRouteHandler) -> None:
        """Accept or refuse a request. Probes are addressed by IP, and the page's files need no protection.

        A coroutine, since Litestar runs any other guard in a thread.

        Raises:
            ForeignRequest: from elsewhere.
        """
        method, host = connection.scope.get("method"), connection.headers.get("host", "").lower()
        if method == "OPTIONS":
            return
        if not (declared(handler) == "public" or self._is_ours(host)):
            raise ForeignRequest(self._detail)
        if method not in _READS and self._is_foreign(connection, host):
            raise ForeignRequest(self._detail)

    def _is_ours(self, host: str) -> bool:
        if self._hosts is None or host in self._hosts:
            return True
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        return name in self._hosts or name.endswith(self._domains)

    def _is_foreign(self, connection: ASGIConnection[Any, Any, Any, State], host: str) -> bool:
        site, origin = connection.headers.get("sec-fetch-site"), connection.headers.get("origin", "").lower()
        if "*" in self._origins or origin in self._origins:
            return False
        if site is not None:
            return site not in _OWN_SITES
        return bool(origin) and origin.partition("://")[2] != host
