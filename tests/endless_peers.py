"""Servers that never come to an end, over plain TCP and over TLS; each says when its connection was closed by us."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

PAUSE_S = 0.005
"""Between two drips: far below every time-out that counts from packet to packet."""

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

DRIPS = {
    "silent": (b"", b""),
    "headers": (_HEAD + b"X-Pad: ", b"a"),
    "interim": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "chunk size": (_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "body": (_HEAD + b"Content-Length: 1000000\r\n\r\n", b" "),
}
"""What is sent first, and then again and again."""


@dataclass
class EndlessPeer:
    """A peer at `address` (host:port). `mends()` lets it answer properly from the next connection on."""

    start: bytes
    drip: bytes
    tls: ssl.SSLContext | None = None
    address: str = ""
    asked: threading.Event = field(default_factory=threading.Event)
    closed: threading.Event = field(default_factory=threading.Event)
    answer: bytes | None = None

    def mends(self, body: bytes) -> None:
        """Answer with this from now on."""
        length = b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body)
        self.answer = _HEAD + length + body

    def serve(self, connection: socket.socket) -> None:
        """One connection, to its end."""
        with suppress(OSError), connection:
            speaks = self.tls.wrap_socket(connection, server_side=True) if self.tls else connection
            with speaks:
                self._speak(speaks)
        self.closed.set()

    def _speak(self, connection: socket.socket) -> None:
        connection.recv(65536)
        self.asked.set()
        if self.answer is not None:
            connection.sendall(self.answer)
            return
        connection.sendall(self.start)
        connection.settimeout(PAUSE_S)
        while True:
            connection.sendall(self.drip)
            with suppress(TimeoutError):
                if not connection.recv(65536):
                    return


@contextmanager
def endless_peer(start: bytes, drip: bytes, tls: ssl.SSLContext | None = None) -> Iterator[EndlessPeer]:
    """A running peer; its connections end when we close them."""
    peer, listener = EndlessPeer(start, drip, tls), socket.create_server(("127.0.0.1", 0))
    peer.address = f"127.0.0.1:{listener.getsockname()[1]}"

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=peer.serve, args=[connection], daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield peer
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)
