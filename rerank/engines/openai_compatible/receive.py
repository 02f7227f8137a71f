"""A reply, from the wire to JSON: bounded in bytes and in time, never unpacked.

httpx bounds each wait for a packet and not their sum. So once the headers are there, a timer cuts the connection at the
deadline, however the server drips its bytes.
"""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx

from rerank.errors import EngineError, EngineTimeout

__all__ = ["MAX_REPLY_BYTES", "is_packed", "parse", "receive", "seconds_left"]

MAX_REPLY_BYTES = 4 * 2**20
"""Largest reply that is read: 64 KiB of text are of use, and JSON may need six bytes for one."""


def seconds_left(deadline: float) -> float:
    """Seconds until the deadline. EngineTimeout if there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise EngineTimeout("the deadline has passed")
    return left


def is_packed(response: httpx.Response) -> bool:
    """Whether the body is compressed."""
    return bool(response.headers.get("Content-Encoding", "identity") != "identity")


@contextmanager
def _cut_off(response: httpx.Response, deadline: float) -> Iterator[None]:
    """Shut the connection down at the deadline, which wakes up the thread that waits for its next packet."""
    stream = response.extensions.get("network_stream")
    connection = stream.get_extra_info("socket") if stream is not None else None
    timer = threading.Timer(max(0.0, deadline - time.monotonic()), _shut_down, (connection,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _shut_down(connection: socket.socket | None) -> None:
    """Shut a socket down, below TLS, which another thread may be in the middle of."""
    if connection is not None:
        with suppress(OSError):  # it was closed in the same moment
            socket.socket.shutdown(connection, socket.SHUT_RDWR)


def receive(response: httpx.Response, deadline: float) -> bytes:
    """The body as it came over the wire: bounded, before the deadline, and not packed (a bomb stays packed)."""
    if is_packed(response):
        raise EngineError("the model server packed its reply although it was asked not to")
    body = bytearray()
    with _cut_off(response, deadline):
        for packet in response.iter_raw():
            body += packet
            if len(body) > MAX_REPLY_BYTES:
                raise EngineError(f"the model server's reply is longer than {MAX_REPLY_BYTES} bytes")
            seconds_left(deadline)
    seconds_left(deadline)  # where no length was announced, a cut looks like the end
    return bytes(body)


def parse(reply: bytes) -> object:
    """Parse a reply, whatever its content type says."""
    try:
        parsed: object = json.loads(reply)
    except (ValueError, RecursionError) as error:
        raise EngineError("the model server's reply is not JSON") from error
    return parsed
