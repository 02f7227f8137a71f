"""Which addresses on the network a picture may be fetched from: the checks, without any fetching.

A URL is taken apart once, and what was checked is what the connection is made from: two parsers that disagree are how
allow-lists were passed elsewhere (CVE-2026-24779).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from service.errors import UrlRefused

MAX_URL_CHARS = 4096
_PLAIN = re.compile(r"[!-\[\]-~]+")  # printable ASCII without blanks and backslashes
_HOST = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_DEFAULT_PORTS = {"http": 80, "https": 443}
# Addresses that hide another address in them, so that a check of their own range says nothing.
_TRANSLATED = tuple(
    ipaddress.ip_network(network)
    for network in ("::ffff:0:0/96", "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16")
)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


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
    if len(url) > MAX_URL_CHARS or not _PLAIN.fullmatch(url):
        raise UrlRefused
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UrlRefused from error
    if parts.scheme not in _DEFAULT_PORTS or "@" in parts.netloc:
        raise UrlRefused
    host = (parts.hostname or "").removesuffix(".")
    default = _DEFAULT_PORTS[parts.scheme]
    target = Target(parts.scheme, host, default if port is None else port, _path(parts))
    if not _HOST.fullmatch(host) or not _is_allowed(target, default, hosts):
        raise UrlRefused
    return target


def next_target(current: Target, location: str, hosts: Collection[str]) -> Target:
    """Where a redirect leads, checked like the first address; from https it may not lead to http.

    Raises:
        UrlRefused: it leads somewhere else.
    """
    if not _PLAIN.fullmatch(location):
        raise UrlRefused
    try:
        target = parse_target(urljoin(current.url, location), hosts)
    except ValueError as error:
        raise UrlRefused from error
    if current.scheme == "https" and target.scheme != "https":
        raise UrlRefused
    return target


def is_public(address: Address) -> bool:
    """True for addresses of the open internet.

    False for private, loopback, link-local, carrier-grade NAT, multicast, reserved and unspecified ones, and for IPv6
    addresses with an IPv4 address in them (mapped, 6to4, Teredo, NAT64).
    """
    if address.version == 6 and any(address in network for network in _TRANSLATED):
        return False
    if address.version == 6 and address.is_site_local:
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _path(parts: SplitResult) -> str:
    path = parts.path or "/"
    return f"{path}?{parts.query}" if parts.query else path


def _is_allowed(target: Target, default_port: int, hosts: Collection[str]) -> bool:
    names = [f"{target.host}:{target.port}"]
    if target.port == default_port:
        names.append(target.host)
        labels = target.host.split(".")
        names += ["*." + ".".join(labels[start:]) for start in range(1, len(labels))]
    return any(name in hosts for name in names)
