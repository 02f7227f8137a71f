"""Authorization: every route declares a scope, and a single guard for the whole application enforces it.

A route that declares none needs `admin`, so a forgotten scope is safe. Probes, the search page and its files are
`PUBLIC`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any, Final, Literal

from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.handlers import BaseRouteHandler

from service.errors import ConfigurationError, KeyRequired, RateLimited, ScopeMissing, UnknownCatalog
from service.server.access.api_keys import ApiKey, KeyRing, Scope
from service.server.access.rate_limit import RateLimiter
from service.server.access.reach import Reach, note_reach
from service.server.observability.observe import note_catalog, note_key
from service.server.scope_notes import notes
from service.wire.catalogs import DEFAULT_CATALOG

_OPT = "withthis_scope"
_IMAGE = "withthis_image"
_CHARGE = "withthis_charge"
_CATALOGS = "withthis_catalogs"
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
"""Names under which only this machine is reached."""

Access = Scope | Literal["public"]
PUBLIC: Final[dict[str, Any]] = {_OPT: "public"}
SEARCH: Final[dict[str, Any]] = {_OPT: "search"}
WRITE: Final[dict[str, Any]] = {_OPT: "write"}
ADMIN: Final[dict[str, Any]] = {_OPT: "admin"}
IMAGES: Final[dict[str, Any]] = {_OPT: "search", _IMAGE: True}
"""Values for `opt` of a handler, controller or router."""

OF_NO_CATALOG: Final[dict[str, Any]] = {_CATALOGS: "none"}
OF_ALL_CATALOGS: Final[dict[str, Any]] = {_CATALOGS: "all"}
"""Likewise, to be added. A route that has neither is about one catalog: the one in its path, or the default one."""

NOT_BOUND = "This route is about all catalogs, and this key is bound to some. Use one that is not bound."

EXPOSED = (
    "The service would be open to everyone on the network: it has no API keys, and WITHTHIS_HOST is not this machine "
    "alone. Set WITHTHIS_API_KEYS (`withthis keys new` creates one), or WITHTHIS_ALLOW_ANONYMOUS=true if something "
    "in front of it keeps strangers out."
)


def declared(handler: BaseRouteHandler) -> Access | None:
    """The scope that a route requires; None if it declares none."""
    found: Access | None = handler.opt.get(_OPT)
    return found


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches this address."""
    return host.lower() in LOOPBACK


def check_exposure(host: str, keys: Sequence[ApiKey], *, allow_anonymous: bool) -> None:
    """Refuse to listen on the network without keys, unless that is wanted.

    Raises:
        ConfigurationError: with what to do.
    """
    if not (keys or allow_anonymous or is_loopback(host)):
        raise ConfigurationError(EXPOSED)


class Door:
    """The guard: keys, scopes, catalogs and the rate limit, as the settings say."""

    def __init__(
        self,
        keys: Sequence[ApiKey],
        *,
        public_images: bool,
        rate_limit_per_minute: int,
        catalogs: Collection[str] = (DEFAULT_CATALOG,),
    ) -> None:
        """`catalogs`: the names of those that the service has."""
        self._keys = KeyRing(keys)
        self._catalogs = frozenset(catalogs)
        self._public_images = public_images
        self._limiter = RateLimiter(rate_limit_per_minute)

    async def __call__(self, connection: ASGIConnection[Any, Any, Any, State], handler: BaseRouteHandler) -> None:
        """Accept or refuse a request. A coroutine, since Litestar runs any other guard in a thread.

        Raises:
            KeyRequired: no key, or an unknown one.
            ScopeMissing: the key does not open this route.
            RateLimited: too many requests with this key, or from this address where no keys are in use.
            UnknownCatalog: there is no such catalog, or it is none of this key's: which, is not told.
        """
        secret = presented_key(connection)
        key = self._keys.find(secret) if secret else None
        note_reach(connection.scope, Reach.of(key, is_open=self._keys.is_open))
        access = declared(handler) or "admin"
        # OPTIONS without CORS only lists methods; Litestar makes these handlers, so they declare nothing.
        if access == "public" or connection.scope.get("method") == "OPTIONS":
            return
        if self._is_open_image(handler):
            self._enter(connection, handler, None)
            return
        caller = f"address:{connection.client.host if connection.client else ''}"
        if not self._keys.is_open:
            key = _admitted(key, access)
            note_key(connection.scope, key.name)
            caller = f"key:{key.name}"
        self._charge(caller)
        notes(connection.scope)[_CHARGE] = partial(self._charge, caller)
        self._enter(connection, handler, key)

    def _charge(self, caller: str) -> None:
        wait = self._limiter.take(caller)
        if wait is not None:
            raise RateLimited(retry_after_s=wait)

    def _enter(
        self, connection: ASGIConnection[Any, Any, Any, State], handler: BaseRouteHandler, key: ApiKey | None
    ) -> None:
        """Let the key into the catalog that the route is about. Raises ScopeMissing, UnknownCatalog."""
        about = handler.opt.get(_CATALOGS)
        if about == "none":
            return
        if about == "all":
            if key is not None and key.catalogs is not None:
                raise ScopeMissing(NOT_BOUND)
            return
        name = connection.path_params.get("catalog", DEFAULT_CATALOG)
        if name not in self._catalogs or not (key is None or key.opens(name)):
            raise UnknownCatalog
        note_catalog(connection.scope, name)

    def _is_open_image(self, handler: BaseRouteHandler) -> bool:
        return self._public_images and bool(handler.opt.get(_IMAGE))


def charge(connection: ASGIConnection[Any, Any, Any, State]) -> None:
    """Count one more request of a caller that was let in. Raises RateLimited."""
    once: Callable[[], None] = notes(connection.scope)[_CHARGE]
    once()


def _admitted(key: ApiKey | None, scope: Scope) -> ApiKey:
    """The key, if there is one that opens routes of a scope. Raises KeyRequired, ScopeMissing."""
    if key is None:
        raise KeyRequired
    if not key.allows(scope):
        raise ScopeMissing(f"This key lacks the scope {scope!r}. Use another key, or have the scope added to it.")
    return key


def presented_key(connection: ASGIConnection[Any, Any, Any, State]) -> str | None:
    """The secret in `X-API-Key`, or after `Authorization: Bearer`."""
    direct = connection.headers.get("x-api-key")
    scheme, _, secret = connection.headers.get("authorization", "").partition(" ")
    return direct or (secret.strip() if scheme.lower() == "bearer" else None)
