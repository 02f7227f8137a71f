"""h11's HTTP/1.1 parser, with a bound on chunks, and our errors for unreadable requests."""

from __future__ import annotations

import re
from typing import Any

import h11

from service.errors import BadRequest, HeadersTooLarge, WithThisError

MAX_HEADERS = 128
FREE_CHUNKS = 2000
LEAST_CHUNK_BYTES = 32
"""Beyond the first chunks of a body, their average size. Each chunk costs ten microseconds, whatever is in it, so that
one client with chunks of a byte could keep the event loop from all others.
"""

_ABSOLUTE = re.compile(rb"https?://(?P<host>[^/?#]+)(?P<path>[^#]*)", re.IGNORECASE)

TINY_CHUNKS = f"The body arrives in too many small chunks. Send chunks of at least {LEAST_CHUNK_BYTES} bytes."


class BoundedConnection(h11.Connection):
    """The server's side of a connection."""

    def __init__(self, max_head: int) -> None:
        """`max_head`: bytes of request line and headers."""
        super().__init__(h11.SERVER, max_head)
        self.refusal: WithThisError = BadRequest()
        self._chunks = self._bytes = 0

    def next_event(self) -> Any:
        """As h11 has it. Raises h11.RemoteProtocolError, and `refusal` then says the response to the client."""
        try:
            event = super().next_event()
        except h11.RemoteProtocolError as error:
            too_large = error.error_status_hint == HeadersTooLarge.status
            self.refusal = HeadersTooLarge() if too_large else BadRequest()
            raise
        if isinstance(event, h11.Request):
            event = in_origin_form(event)
            self._chunks = self._bytes = 0
            if len(event.headers) > MAX_HEADERS:
                self.refusal = HeadersTooLarge()
                raise h11.RemoteProtocolError("too many headers")
        elif isinstance(event, h11.Data):
            self._count(event)
        return event

    def _count(self, event: h11.Data) -> None:
        self._chunks += event.chunk_start
        self._bytes += len(event.data)
        if self._chunks > FREE_CHUNKS and self._bytes < self._chunks * LEAST_CHUNK_BYTES:
            self.refusal = BadRequest(TINY_CHUNKS)
            raise h11.RemoteProtocolError(TINY_CHUNKS)


def in_origin_form(request: h11.Request) -> h11.Request:
    """A request as it is sent to a server itself, also where its client takes the server for a proxy.

    Such a client sends the whole address, whose host counts in place of the header `Host` (RFC 9112, section 3.2.2).
    """
    found = _ABSOLUTE.fullmatch(request.target)
    if found is None:
        return request
    headers = [(name, value) for name, value in request.headers if name != b"host"]
    return h11.Request(
        method=request.method,
        target=found["path"] if found["path"].startswith(b"/") else b"/" + found["path"],
        headers=[(b"Host", found["host"]), *headers],
        http_version=request.http_version,
    )
