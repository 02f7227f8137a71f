"""Which URLs an image may be fetched from: the checks, without any fetching.

A URL is parsed once, and the connection uses exactly what was checked: two disagreeing parsers are how allow-lists were
bypassed elsewhere (CVE-2026-24779). Feeds write blanks and umlauts unchanged; such a URL becomes the ASCII that a
browser would send before anything in it is compared.
"""

from __future__ import annotations

import re
import string
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urljoin, urlsplit

import idna

from service.errors import UrlRefused

MAX_URL_CHARS = 4096
_NEVER = re.compile(r"[\x00-\x1f\x7f-\x9f\\]")  # a browser drops or turns around what other parsers keep
_PRINTABLE = string.ascii_letters + string.digits + string.punctuation
_HOST = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Target:
    """One hop: where to connect, and what to ask for."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def url(self) -> str:
        """The address again, for the next hop to be relative to."""
        return f"{self.scheme}://{self.host}:{self.port}{self.path}"


def parse_target(url: str, hosts: Collection[str]) -> Target:
    """Take a URL apart.

    `hosts` are names such as `img.example` (at the usual ports), `img.example:8443`, or `*.img.example` for all below.

    Raises:
        UrlRefused: it is no plain http(s) address of one of the hosts.
    """
    if len(url) > MAX_URL_CHARS or _NEVER.search(url):
        raise UrlRefused
    try:
        parts = urlsplit(url.strip(" "))
        host, port, path = _host(parts), parts.port, _path(parts)
    except ValueError as error:
        raise UrlRefused from error
    if parts.scheme not in DEFAULT_PORTS or "@" in parts.netloc:
        raise UrlRefused
    default = DEFAULT_PORTS[parts.scheme]
    target = Target(parts.scheme, host, default if port is None else port, path)
    if not _HOST.fullmatch(host) or not _is_allowed(target, default, hosts):
        raise UrlRefused
    return target


def next_target(current: Target, location: str, hosts: Collection[str]) -> Target:
    """Where a redirect leads, checked like the first address; from https it may not lead to http.

    Raises:
        UrlRefused: it leads somewhere else.
    """
    if not location or _NEVER.search(location):
        raise UrlRefused
    try:
        target = parse_target(urljoin(current.url, location), hosts)
    except ValueError as error:
        raise UrlRefused from error
    if current.scheme == "https" and target.scheme != "https":
        raise UrlRefused
    return target


def _host(parts: SplitResult) -> str:
    """The host in ASCII; ValueError for a name that cannot be one."""
    host = (parts.hostname or "").removesuffix(".")
    return host if host.isascii() else idna.encode(host, uts46=True).decode("ascii")


def _path(parts: SplitResult) -> str:
    """Path and query in ASCII (RFC 3986): blanks and letters beyond it as UTF-8 in percent, the rest unchanged."""
    path = parts.path or "/"
    return quote(f"{path}?{parts.query}" if parts.query else path, safe=_PRINTABLE)


def _is_allowed(target: Target, default_port: int, hosts: Collection[str]) -> bool:
    names = [f"{target.host}:{target.port}"]
    if target.port == default_port:
        names.append(target.host)
        labels = target.host.split(".")
        names += ["*." + ".".join(labels[start:]) for start in range(1, len(labels))]
    return any(name in hosts for name in names)
