"""The deadline of a fetch holds whatever the server does, over plain HTTP and over TLS alike.

The servers here never end what they have begun: without the deadline each of these tests would hang.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache

import pytest
import trustme

from rerank.cancellation import Cancellation, Cancelled, current_cancellation
from service.errors import ImageNotFetched, UrlRefused
from service.images.fetch.fetch import Fetcher, FetchPolicy
from tests.unit.service.images.sample_images import sample_image

HOST = "img.example"
IMAGE = sample_image()
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(IMAGE), IMAGE)

Behavior = Callable[[socket.socket, threading.Event], None]


@cache
def authority() -> trustme.CA:
    return trustme.CA()


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority().configure_trust(context)
    return context


def serving(name: str = HOST) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert(name).configure_cert(context)
    return context


def dripping(before: bytes, drop: bytes) -> Behavior:
    """Send something whole, then one more piece every few milliseconds, for as long as the other side listens."""

    def behave(connection: socket.socket, left: threading.Event) -> None:
        connection.sendall(before)
        while not left.wait(0.01):
            connection.sendall(drop)

    return behave


def silent(_: socket.socket, left: threading.Event) -> None:
    left.wait()


def answering(answer: bytes) -> Behavior:
    return lambda connection, _: connection.sendall(answer)


@contextmanager
def server(behave: Behavior, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """A port at which every connection is treated so; `tls` None is plain TCP."""
    listening, over = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def serve(raw: socket.socket) -> None:
        with raw, suppress(OSError):
            connection = raw if tls is None else tls.wrap_socket(raw, server_side=True)
            with connection:
                connection.recv(65536)
                behave(connection, over)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=[listening.accept()[0]], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listening.getsockname()[1]
    finally:
        over.set()
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()


def fetch(scheme: str, port: int, timeout_s: float = 0.2) -> bytes:
    policy = FetchPolicy(
        hosts={f"{HOST}:{port}"},
        max_bytes=100_000,
        timeout_s=timeout_s,
        allows=lambda address: address == ipaddress.ip_address("127.0.0.1"),
        resolver=lambda _: ["127.0.0.1"],
        tls=trusting,
    )
    return Fetcher(policy).fetch(f"{scheme}://{HOST}:{port}/a.png")


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "behave",
    [
        pytest.param(dripping(b"", b"H"), id="status line"),
        pytest.param(dripping(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"), id="headers"),
        pytest.param(dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), id="interim answers"),
        pytest.param(dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"), id="chunk size"),
        pytest.param(dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"), id="chunks"),
        pytest.param(dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n", b"a"), id="body"),
        pytest.param(silent, id="nothing"),
    ],
)
def test_a_slow_answer_is_cut_at_the_deadline(behave: Behavior, scheme: str) -> None:
    with server(behave, serving() if scheme == "https" else None) as port, pytest.raises(ImageNotFetched):
        fetch(scheme, port)


def test_a_tls_handshake_that_never_ends_is_cut_at_the_deadline() -> None:
    with server(silent) as port, pytest.raises(ImageNotFetched):
        fetch("https", port)


def test_the_deadline_is_one_for_all_redirects() -> None:
    hops: list[int] = []

    def behave(connection: socket.socket, left: threading.Event) -> None:
        hops.append(1)
        left.wait(0.15)
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /a.png\r\nContent-Length: 0\r\n\r\n")

    with server(behave) as port, pytest.raises(ImageNotFetched):
        fetch("http", port, timeout_s=0.25)
    assert len(hops) <= 2  # a third would have been within a timeout of its own


def test_the_certificate_is_held_against_the_name_and_not_the_address() -> None:
    with server(answering(WHOLE), serving()) as port:
        assert fetch("https", port, timeout_s=5) == IMAGE
    for name in ("other.example", "127.0.0.1"):
        with server(answering(WHOLE), serving(name)) as port, pytest.raises(ImageNotFetched):
            fetch("https", port, timeout_s=5)


def test_from_https_no_redirect_leads_to_plain_http() -> None:
    with server(_to_plain_http, serving()) as port, pytest.raises(UrlRefused):
        fetch("https", port, timeout_s=5)


def _to_plain_http(connection: socket.socket, _: threading.Event) -> None:
    port = connection.getsockname()[1]
    connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://%b:%d/a.png\r\n\r\n" % (HOST.encode(), port))


def test_a_fetch_ends_with_its_client() -> None:
    cancellation, asked = Cancellation(), threading.Event()

    def behave(_: socket.socket, left: threading.Event) -> None:
        asked.set()
        left.wait()

    def ask(port: int) -> bytes:
        current_cancellation.set(cancellation)
        return fetch("http", port, timeout_s=3600)

    with server(behave) as port, ThreadPoolExecutor(1) as pool:
        fetched = pool.submit(ask, port)
        assert asked.wait(30)
        cancellation.cancel()
        with pytest.raises(Cancelled):
            fetched.result(30)
