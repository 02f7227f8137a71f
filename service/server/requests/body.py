"""Reads request bodies: the only place where a route gets what a caller sent.

Every body is bounded in bytes while it is read, in time and memory by `body_guard`, and in the number of its values
before it is parsed (`validation`). A body that takes long to parse is parsed in a thread: one at a time, since parsing
holds the GIL, so that the event loop waits for one body at most.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from http import HTTPStatus
from typing import Any, TypeVar

import anyio.to_thread
from anyio.lowlevel import RunVar
from litestar import Request
from litestar.exceptions import HTTPException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from pydantic import BaseModel

from service.errors import BodyTimeout, BodyTooLarge
from service.server.requests.body_guard import incoming_body
from service.server.requests.multipart import MULTIPART, Part, split_parts
from service.server.requests.validation import MAX_TOKENS, parse_body

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

INLINE_BYTES = 64 * 1024
"""Bodies up to this size are parsed at once: that takes less time than handing them to a thread and back is worth."""

TOO_MANY_LINES = "A stream of products has at most {most} lines. Send the rest in separate requests."

_parsing: RunVar[anyio.CapacityLimiter] = RunVar("_parsing")


async def read_json(request: Request[Any, Any, Any], model: type[M], limit: int, *, max_tokens: int = MAX_TOKENS) -> M:
    """The validated body.

    Raises:
        HTTPException: 415 where the content type is not JSON.
        BodyTooLarge: more than `limit` bytes.
        InvalidInput: the body is not valid.
    """
    require_json(request)
    raw = await read_body(request, limit)
    return await parsed(len(raw), partial(parse_body, model, raw, max_tokens=max_tokens))


def is_json(request: Request[Any, Any, Any]) -> bool:
    """Whether the body is JSON by its content type."""
    content_type = request.content_type[0]
    return content_type == "application/json" or (content_type.startswith("application/") and "+json" in content_type)


def require_json(request: Request[Any, Any, Any]) -> None:
    """Refuse other content types, which pages of other origins may send without a preflight.

    Raises:
        HTTPException: 415.
    """
    if not is_json(request):
        raise HTTPException(status_code=HTTPStatus.UNSUPPORTED_MEDIA_TYPE)


async def read_body(request: Request[Any, Any, Any], limit: int) -> bytes:
    """The whole body. Raises BodyTooLarge beyond `limit` bytes; the rest is then not read."""
    if _announced(request) > limit:
        raise BodyTooLarge
    body, held = bytearray(), incoming_body(request)
    async for chunk in request.stream():
        if len(body) + len(chunk) > limit:
            raise BodyTooLarge
        held.hold(len(chunk))
        body += chunk
    return bytes(body)


async def read_parts(request: Request[Any, Any, Any], limit: int, *, most: int) -> list[Part]:
    """The parts of a multipart body, `most` of them. Raises as `read_body` and `split_parts`."""
    assert request.content_type[0] == MULTIPART
    raw = await read_body(request, limit)
    return await parsed(len(raw), partial(split_parts, raw, request.content_type[1].get("boundary", ""), most=most))


async def read_lines(
    request: Request[Any, Any, Any], *, max_line: int, max_lines: int, batch: int
) -> AsyncIterator[list[bytes]]:
    """The lines of a body while it is still coming: `batch` lines at a time, or fewer that are large.

    Blank lines are left out, but count. Whatever ends the stream, the lines before it are handed out first.

    Raises:
        BodyTooLarge: a line has more than `max_line` bytes, or there are more than `max_lines` of them.
    """
    lines, held = LineBuffer(max_line), incoming_body(request)
    seen, size, ready = 0, 0, list[bytes]()
    try:
        async for chunk in request.stream():
            held.hold(len(chunk))
            for line in lines.feed(chunk):
                seen += 1
                if seen > max_lines:
                    raise BodyTooLarge(TOO_MANY_LINES.format(most=max_lines))
                if line.strip():
                    ready.append(line)
                    size += len(line)
                if len(ready) == batch or size > max_line:
                    yield ready
                    size, ready = 0, []
                    held.drop()
    except (BodyTooLarge, RequestEntityTooLarge, BodyTimeout):
        if ready:
            yield ready
        raise
    if lines.rest.strip():
        ready.append(lines.rest)
    if ready:
        yield ready


async def parsed(size: int, work: Callable[[], T]) -> T:
    """Do work on a body of `size` bytes without keeping the event loop from others. Raises as `work`."""
    if size <= INLINE_BYTES:
        return work()
    try:
        limiter = _parsing.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(1)
        _parsing.set(limiter)
    return await anyio.to_thread.run_sync(work, limiter=limiter)


class LineBuffer:
    """Splits chunks into lines, looking at each byte once."""

    def __init__(self, max_line: int) -> None:
        """`max_line` in bytes."""
        self._max_line = max_line
        self._rest = bytearray()
        self._first = True

    @property
    def rest(self) -> bytes:
        """What came after the last line end, less the byte order mark that Windows writes (RFC 8259, section 8.1)."""
        return bytes(self._rest).removeprefix(BOM_UTF8) if self._first else bytes(self._rest)

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The lines that the chunk ends. Raises BodyTooLarge at a line that is too long."""
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            self._add(end)
            yield self.rest
            self._rest.clear()
            self._first = False
        self._add(rest)

    def _add(self, part: bytes) -> None:
        if len(self._rest) + len(part) > self._max_line:
            raise BodyTooLarge
        self._rest += part


def _announced(request: Request[Any, Any, Any]) -> int:
    """The length that the body is said to have; servers refuse what is not a number before it gets here."""
    announced = request.headers.get("content-length", "0")
    return int(announced) if announced.isdecimal() else 0
