"""JSON over HTTP, before a deadline, whatever the server does.

Every request is a coroutine that `rerank.outgoing` cancels at its deadline, or when its caller has gone, be it waiting
for a slot, connecting, sending, or reading headers and body that never end.

A request is tried again after 408, 429, 5xx and lost connections: what models are asked changes nothing on the server.
It is not tried again if the pause would end after the deadline. What comes back is bounded in size and never unpacked.
Errors carry texts of our own: the words of a server or of a library may hold addresses, prompts and keys.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from http import HTTPStatus
from itertools import count

import httpx

from rerank.cancellation import Cancelled, sleep
from rerank.deadline import seconds_left
from rerank.errors import EngineError, EngineOverloaded, EngineTimeout, ModelServerFailed, RequestRefused
from rerank.model_server.breaker import Breaker
from rerank.model_server.pauses import pause, retry_after
from rerank.model_server.receive import MAX_REPLY_BYTES, is_packed, parse, receive
from rerank.outgoing import call_until, handshake_guard
from rerank.sanitize import tidy

__all__ = ["ModelServer"]

_PATIENCE_S = 120.0
"""Deadline of a call without one."""

_CONNECT_S = 5.0
_CLOSE_S = 5.0
_OVERLOADED = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE, 529})
_REFUSED = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.NOT_IMPLEMENTED,
    }
)

_WORDS: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "the model server requires another API key",
    HTTPStatus.FORBIDDEN: "the model server does not authorize the API key for this",
    HTTPStatus.NOT_FOUND: "the model server has no such URL or model",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "the images are too large for the model server",
}

_log = logging.getLogger(__name__)


class _Passing(Exception):  # noqa: N818 (it never leaves this module)
    """A transient failure: what to raise if it persists, and how long the server asks to wait (seconds)."""

    def __init__(self, error: EngineError, wait_s: float | None = None) -> None:
        super().__init__()
        self.error = error
        self.wait_s = wait_s


class ModelServer:
    """Posts to and reads from addresses below `url`; threads may share it.

    `url` holds the version, as in `http://127.0.0.1:8001/v1`. Certificates of https are checked; plain http must be
    explicit, so a URL without a scheme is https. Redirects are not followed: the key is sent only to its own server. At
    most `concurrency` requests are in progress; others wait until their deadline. `breaker`: calls fail at once while
    it is open; None: every call is made. A reply of more than `max_reply_bytes` is not read.

    ValueError for an invalid URL or one with a password, and for a key that no header can carry.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        concurrency: int = 8,
        retries: int = 2,
        breaker: Breaker | None = None,
        max_reply_bytes: int = MAX_REPLY_BYTES,
        sleep: Callable[[float], None] = sleep,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._base = _base(url)
        self._retries = retries
        self._guard = breaker.guarding if breaker else nullcontext
        self._max_reply_bytes = max_reply_bytes
        self._sleep = sleep
        self._slots = asyncio.Semaphore(concurrency)
        self._secret = _checked(api_key)
        self._http = httpx.AsyncClient(
            headers={"Accept": "application/json", "Accept-Encoding": "identity", **_authorization(self._secret)},
            limits=httpx.Limits(max_connections=concurrency),
            transport=transport,
        )

    def post(self, path: str, body: Mapping[str, object], deadline: float | None = None) -> object:
        """Post a body and return the JSON of the reply; `deadline` is a value of `time.monotonic()`.

        Raises:
            EngineTimeout: there was no whole reply before the deadline.
            EngineOverloaded: the server says so, no slot was free before the deadline, or the breaker is open.
            RequestRefused: status 400, 413, 422 or 501.
            ModelServerFailed: the server cannot be reached, or fails.
            EngineError: it answers with something other than JSON.
        """
        content = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        limit = deadline if deadline is not None else time.monotonic() + _PATIENCE_S
        try:
            with self._guard():
                return self._post(_below(self._base, path), content, limit)
        except Cancelled as gone:
            raise EngineTimeout("the client has disconnected") from gone

    def _post(self, url: httpx.URL, content: bytes, limit: float) -> object:
        for attempt in count():
            try:
                return self._attempt("POST", url, limit, content)
            except _Passing as failure:
                wait = pause(attempt, failure.wait_s)
                if attempt >= self._retries or time.monotonic() + wait >= limit:
                    raise failure.error from failure.__cause__
            self._sleep(wait)
        raise AssertionError  # count() does not end

    def get(self, path: str, deadline: float) -> object:
        """The JSON at an address, requested once. Raises as `post`."""
        try:
            return self._attempt("GET", _below(self._base, path), deadline)
        except _Passing as failure:
            raise failure.error from failure.__cause__

    def close(self) -> None:
        """Close the connections."""
        call_until(time.monotonic() + _CLOSE_S, self._http.aclose)

    def _attempt(self, method: str, url: httpx.URL, deadline: float, content: bytes | None = None) -> object:
        """Try once. Raises _Passing for what a retry may fix."""
        left, sent = seconds_left(deadline), False

        async def send() -> bytes:
            nonlocal sent
            async with self._slots:
                sent = True
                return await self._send(method, url, content, min(left, _CONNECT_S))

        try:
            return parse(call_until(deadline, send))
        except TimeoutError as error:
            if not sent:
                raise EngineOverloaded("too many requests to the model server are in progress") from error
            raise EngineTimeout("the model server did not answer before the deadline") from error
        except httpx.ConnectTimeout as error:
            seconds_left(deadline)
            raise _Passing(ModelServerFailed("the model server cannot be reached")) from error
        except httpx.TimeoutException as error:
            raise EngineTimeout("the model server did not answer before the deadline") from error
        except httpx.TransportError as error:
            raise _Passing(ModelServerFailed("the connection to the model server failed")) from error

    async def _send(self, method: str, url: httpx.URL, content: bytes | None, connect_s: float) -> bytes:
        """The body of the reply. Only connecting has its own limit, since a retry may succeed."""
        answering = self._http.stream(
            method,
            url,
            content=content,
            headers={"Content-Type": "application/json"} if content is not None else {},
            timeout=httpx.Timeout(None, connect=connect_s),
            extensions=handshake_guard(),
        )
        async with answering as response:
            await self._check(response)
            return await receive(response, self._max_reply_bytes)

    async def _check(self, response: httpx.Response) -> None:
        """Raise what a status other than 2xx means."""
        if response.is_success:
            return
        status = response.status_code
        _log.info("the model server answered %d: %s", status, await self._excerpt(response))
        if status in _OVERLOADED:
            overloaded = EngineOverloaded(f"the model server is overloaded (status {status})")
            raise _Passing(overloaded, retry_after(response.headers.get("Retry-After")))
        if status in _REFUSED:
            raise RequestRefused(_WORDS.get(status, "the model server refused the request") + f" (status {status})")
        error = ModelServerFailed(_WORDS.get(status, "the model server failed") + f" (status {status})")
        if response.is_server_error or status == HTTPStatus.REQUEST_TIMEOUT:
            raise _Passing(error)
        raise error

    async def _excerpt(self, response: httpx.Response) -> str:
        """The start of an error body for the log; some servers repeat an invalid key."""
        start = b"" if is_packed(response) else await anext(response.aiter_raw(), b"")
        text = start[:2000].decode("utf-8", "replace")
        return tidy(text.replace(self._secret, "***") if self._secret else text, 200)


def _base(url: str) -> httpx.URL:
    """The address that everything else is below."""
    try:
        base = httpx.URL(url.strip() if "://" in url else f"https://{url.strip()}")
    except httpx.InvalidURL:
        raise ValueError("the URL of the model server is not valid") from None
    if base.scheme not in ("http", "https") or not base.host or base.userinfo:
        raise ValueError("the model server needs an http or https URL without a password")
    return base


def _below(base: httpx.URL, path: str) -> httpx.URL:
    """A URL below another one; a query is kept in place."""
    return base.copy_with(path=base.path.rstrip("/") + path, fragment=None)


def _checked(key: str | None) -> str:
    """The key without white space around it. A broken one would be quoted by the error of the HTTP library."""
    key = (key or "").strip()
    if not (key.isascii() and key.isprintable()):
        raise ValueError("the API key contains characters that an HTTP header cannot carry")
    return key


def _authorization(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {}
