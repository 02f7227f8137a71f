"""Images by URL, for services that allow it: bytes from allowed hosts, bounded in size and time.

Every hop is checked for itself: the URL against the allow-list, then every address that its name resolves to. The
connection goes to the very address that was checked (a second lookup could give another one), with the name in `Host`
and in TLS. What arrives is only bytes; whether it is an image is for `service.images.decode` to say.

One deadline is around all of it, with every redirect: lookup, connection, TLS, headers (interim ones, too) and body. As
for all outgoing calls, `rerank.outgoing` keeps it, in whatever state the connection is, and ends a fetch whose client
has gone.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus

import h11

from rerank.outgoing import call_until
from service.errors import ImageNotFetched, ImageTooLarge, UrlRefused
from service.images.fetch.addresses import Target, next_target, parse_target
from service.images.fetch.http_get import Answer, get
from service.images.fetch.special_addresses import Address, is_public

_REDIRECTS = frozenset({301, 302, 303, 307, 308})

Resolver = Callable[[str], Sequence[str]]


def resolve(host: str) -> list[str]:
    """All addresses of a name, by the system's resolver. OSError if there are none."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@cache
def system_tls() -> ssl.SSLContext:
    """TLS that trusts the system's authorities; read once, since that takes a while."""
    return ssl.create_default_context()


@dataclass(frozen=True, slots=True)
class FetchPolicy:
    """What may be fetched. `hosts`: see `parse_target`; `timeout_s` is for one image with all its redirects."""

    hosts: Collection[str]
    max_bytes: int
    timeout_s: float = 5.0
    max_redirects: int = 3
    allows: Callable[[Address], bool] = is_public
    resolver: Resolver = resolve
    tls: Callable[[], ssl.SSLContext] = system_tls


class Fetcher:
    """Fetches images under a policy. Safe to use from several threads; keeps no connection open; can be pickled."""

    def __init__(self, policy: FetchPolicy) -> None:
        self._policy = policy

    def fetch(self, url: str) -> bytes:
        """The bytes behind a URL.

        Raises:
            Cancelled: the client has disconnected.
            UrlRefused: the URL, or one that it redirects to, is not allowed.
            ImageNotFetched: no answer in time, or one without a body that can be used.
            ImageTooLarge: more than `max_bytes`.
        """
        try:
            return call_until(time.monotonic() + self._policy.timeout_s, lambda: self._fetch(url))
        except (OSError, UnicodeError, h11.ProtocolError) as error:  # the deadline is an OSError, too
            raise ImageNotFetched from error

    async def _fetch(self, url: str) -> bytes:
        target = parse_target(url, self._policy.hosts)
        for _ in range(self._policy.max_redirects + 1):
            answer = await self._ask(target)
            if isinstance(answer, bytes):
                return answer
            target = next_target(target, answer, self._policy.hosts)
        raise ImageNotFetched

    async def _ask(self, target: Target) -> bytes | str:
        """The body of one hop, or where it redirects to."""
        address = await self._checked_address(target.host)
        async with get(target, address, self._policy.tls()) as answer:
            location = answer.headers.get("location")
            return location if location and answer.status in _REDIRECTS else await self._body(answer)

    async def _checked_address(self, host: str) -> Address:
        """One address of the host, after all of them were found to be allowed."""
        found = await _in_thread(self._policy.resolver, host)
        if not found:
            raise ImageNotFetched
        try:
            # A zone ("fe80::1%eth0") only makes sense for link-local addresses.
            addresses = [ipaddress.ip_address(one) for one in found]
        except ValueError as error:
            raise UrlRefused from error
        if not all(map(self._policy.allows, addresses)):
            raise UrlRefused
        return addresses[0]

    async def _body(self, answer: Answer) -> bytes:
        if answer.status != HTTPStatus.OK or answer.headers.get("content-encoding", "identity") != "identity":
            raise ImageNotFetched
        limit = self._policy.max_bytes
        if int(answer.headers.get("content-length", 0)) > limit:
            raise _too_large(limit)
        body = bytearray()
        async for piece in answer.body():
            body += piece
            if len(body) > limit:
                raise _too_large(limit)
        return bytes(body)


async def _in_thread(look_up: Resolver, host: str) -> Sequence[str]:
    """Look a name up in its own thread: the system's resolver takes no time limit and cannot be canceled."""
    future: Future[Sequence[str]] = Future()

    future.set_running_or_notify_cancel()  # whoever waits may leave, the lookup continues

    def run() -> None:
        try:
            future.set_result(look_up(host))
        except Exception as error:  # fault boundary of this thread: it belongs to the caller below
            future.set_exception(error)

    threading.Thread(target=run, name="resolve", daemon=True).start()
    return await asyncio.wrap_future(future)


def _too_large(limit: int) -> ImageTooLarge:
    return ImageTooLarge(f"The image has more than {limit / 2**20:.3g} MiB. Send a smaller one.")
