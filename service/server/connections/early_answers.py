"""Answers sent before the application sees a request, in the same shape as all errors."""

from __future__ import annotations

from http import HTTPStatus

from pydantic_core import to_json

from service.errors import WithThisError
from service.server.error_message import with_message

HEADERS = [
    (b"content-type", b"application/problem+json"),
    (b"cache-control", b"no-store"),
    (b"connection", b"close"),
]


def body_of(error: WithThisError) -> bytes:
    """The problem document."""
    return to_json(with_message(error.problem()))


def raw_answer(error: WithThisError) -> bytes:
    """A whole HTTP/1.1 response (RFC 9112), after which the connection ends."""
    body = body_of(error)
    status = HTTPStatus(error.status)
    headers = [*HEADERS, (b"content-length", str(len(body)).encode())]
    lines = [b"HTTP/1.1 %d %s" % (status, status.phrase.encode()), *(b"%s: %s" % header for header in headers)]
    return b"\r\n".join([*lines, b"", body])
