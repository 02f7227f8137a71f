"""One GET request to a given address, as a coroutine that may be canceled in any state and then leaves nothing open.

asyncio makes the connection and h11 speaks HTTP/1.1 on it. httpx would do both, but it leaks the socket of a TLS
handshake that is canceled, and does not let the caller choose the address that a name stands for.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import h11

from service.images.fetch.addresses import DEFAULT_PORTS, Target
from service.images.fetch.special_addresses import Address

_CHUNK = 64 * 1024
_HEADERS = {
    "Accept": "image/jpeg, image/png, image/webp",
    "Accept-Encoding": "identity",
    "Connection": "close",
    "User-Agent": "withthis",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of a final answer; its body is read from it."""

    status: int
    headers: dict[str, str]
    """By name in lower-case letters; of repeated ones the last."""
    _exchange: _Exchange

    async def body(self) -> AsyncIterator[bytes]:
        """The body as it came, piece by piece. Raises h11.RemoteProtocolError if it ends early."""
        while isinstance(event := await self._exchange.next_event(), h11.Data):
            yield bytes(event.data)


@asynccontextmanager
async def get(target: Target, address: Address, tls: ssl.SSLContext) -> AsyncIterator[Answer]:
    """Ask an address for what a name has: the name goes into `Host`, and the certificate is held against it.

    Raises OSError (also ssl.SSLError) and h11.ProtocolError.
    """
    context, name = (tls, target.host) if target.scheme == "https" else (None, None)
    reader, writer = await asyncio.open_connection(str(address), target.port, ssl=context, server_hostname=name)
    try:
        exchange = _Exchange(reader, writer)
        exchange.ask(target)
        yield await exchange.head()
    finally:
        writer.transport.abort()


class _Exchange:
    """One request and its answer on a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._http = h11.Connection(h11.CLIENT)

    def ask(self, target: Target) -> None:
        host = target.host if target.port == DEFAULT_PORTS[target.scheme] else f"{target.host}:{target.port}"
        request = h11.Request(method="GET", target=target.path, headers=list({"Host": host, **_HEADERS}.items()))
        for event in (request, h11.EndOfMessage()):
            self._writer.write(self._http.send(event) or b"")

    async def head(self) -> Answer:
        """The head of the final answer, after any number of interim ones."""
        while isinstance(event := await self.next_event(), h11.InformationalResponse):
            pass
        if not isinstance(event, h11.Response):
            raise h11.RemoteProtocolError("no answer")
        return Answer(event.status_code, {_text(name): _text(value) for name, value in event.headers}, self)

    async def next_event(self) -> object:
        """What comes next: a part of the answer, its end, or the end of the connection."""
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self._reader.read(_CHUNK))
        return event


def _text(value: bytes) -> str:
    """A header's text. Addresses beyond ASCII are mostly sent in UTF-8, though nothing says so."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
