"""Pictures by URL, for services that allow it: bytes from allowed hosts, bounded in size and time.

Every hop is checked for itself: the URL against the allow-list, then every address that its name resolves to. The
connection goes to the very address that was checked (a second look-up could give another one), with the name in `Host`
and in TLS. What arrives is only bytes; whether it is a picture is for :mod:`service.media.decode` to say.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache

from service.errors import ImageNotFetched, ImageTooLarge, UrlRefused
from service.media.addresses import Address, Target, is_public, next_target, parse_target

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CHUNK = 64 * 1024
_HEADERS = {"Accept": "image/jpeg, image/png, image/webp", "Accept-Encoding": "identity", "User-Agent": "withthis"}

Resolver = Callable[[str], Sequence[str]]


def resolve(host: str) -> list[str]:
    """All addresses of a name, by the system's resolver. OSError if there are none."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True, slots=True)
class FetchPolicy:
    """What may be fetched. `hosts`: see `parse_target`; `timeout_s` is for one picture with all its redirects."""

    hosts: Collection[str]
    max_bytes: int
    timeout_s: float = 5.0
    max_redirects: int = 3
    allows: Callable[[Address], bool] = is_public
    resolver: Resolver = resolve


class Fetcher:
    """Fetches pictures under a policy. Safe to use from several threads; keeps no connection open; can be pickled."""

    def __init__(self, policy: FetchPolicy) -> None:
        self._policy = policy

    def fetch(self, url: str) -> bytes:
        """The bytes behind a URL.

        Raises:
            UrlRefused: the URL, or one that it redirects to, is not allowed.
            ImageNotFetched: no answer in time, or one without a body that can be used.
            ImageTooLarge: more than `max_bytes`.
        """
        deadline = time.monotonic() + self._policy.timeout_s
        target = parse_target(url, self._policy.hosts)
        for _ in range(self._policy.max_redirects + 1):
            answer = self._ask(target, deadline)
            if isinstance(answer, bytes):
                return answer
            target = next_target(target, answer, self._policy.hosts)
        raise ImageNotFetched

    def _ask(self, target: Target, deadline: float) -> bytes | str:
        """The body of one hop, or where it redirects to."""
        address = self._checked_address(target.host, deadline)
        try:
            with self._connected(target, address, deadline) as connection:
                connection.request("GET", target.path, headers=_HEADERS)
                return self._read(connection.getresponse(), deadline)
        except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: a socket closed at its deadline
            raise ImageNotFetched from error

    def _checked_address(self, host: str, deadline: float) -> str:
        """One address of the host, after all of them were found to be allowed."""
        found = _in_time(lambda: self._policy.resolver(host), deadline)
        if not found:
            raise ImageNotFetched
        try:
            # A zone ("fe80::1%eth0") only makes sense for link-local addresses.
            allowed = all(self._policy.allows(ipaddress.ip_address(address)) for address in found)
        except ValueError as error:
            raise UrlRefused from error
        if not allowed:
            raise UrlRefused
        return found[0]

    @contextmanager
    def _connected(self, target: Target, address: str, deadline: float) -> Iterator[http.client.HTTPConnection]:
        """A connection to the checked address, cut at the deadline whatever the other side is doing."""
        raw = socket.create_connection((address, target.port), timeout=_left(deadline))
        # A time-out counts from byte to byte, so that a slow sender could keep a socket for hours.
        watchdog = threading.Timer(_left(deadline), _cut, [raw])
        watchdog.daemon = True
        watchdog.start()
        connection = http.client.HTTPConnection(target.host, target.port)
        try:
            secure = target.scheme == "https"
            connection.sock = _tls().wrap_socket(raw, server_hostname=target.host) if secure else raw
            connection.default_port = 443 if secure else 80  # decides whether Host names the port
            yield connection
        finally:
            watchdog.cancel()
            connection.close()
            raw.close()

    def _read(self, response: http.client.HTTPResponse, deadline: float) -> bytes | str:
        location = response.getheader("Location")
        if response.status in _REDIRECTS and location:
            return location
        if response.status != http.HTTPStatus.OK or response.getheader("Content-Encoding", "identity") != "identity":
            raise ImageNotFetched
        limit = self._policy.max_bytes
        if (response.length or 0) > limit:
            raise _too_large(limit)
        body = bytearray()
        while chunk := response.read1(_CHUNK):
            body += chunk
            if len(body) > limit:
                raise _too_large(limit)
            _left(deadline)
        _left(deadline)  # an end that came with the deadline is the watchdog's
        if response.length:  # the other side hung up before the end
            raise ImageNotFetched
        return bytes(body)


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()  # reads all the system's authorities, so once


def _in_time(work: Callable[[], Sequence[str]], deadline: float) -> Sequence[str]:
    """A look-up in a thread of its own: the system's resolver takes no time limit."""
    future: Future[Sequence[str]] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except Exception as error:  # fault boundary of this thread: it belongs to the caller below
            future.set_exception(error)

    threading.Thread(target=run, name="resolve", daemon=True).start()
    try:
        return future.result(timeout=_left(deadline))
    except (OSError, UnicodeError, TimeoutError) as error:
        raise ImageNotFetched from error


def _left(deadline: float) -> float:
    """Seconds until the deadline. Raises ImageNotFetched after it."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise ImageNotFetched
    return left


def _cut(raw: socket.socket) -> None:
    with suppress(OSError):  # closed already
        raw.shutdown(socket.SHUT_RDWR)


def _too_large(limit: int) -> ImageTooLarge:
    return ImageTooLarge(f"The picture has more than {limit / 2**20:.3g} MiB. Send a smaller one.")
