"""Chat completions, and the list of models, over HTTP, before a deadline, whatever the server does.

A request is tried again after 408, 429, 5xx and lost connections: a completion changes nothing on the server. It is not
tried again if the pause would end after the deadline. What comes back is bounded in size and never unpacked. Errors
carry texts of our own: the words of a server or of a library may hold addresses, prompts and keys.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from itertools import count

import httpx

from rerank.engines.openai_compatible.pauses import pause, retry_after
from rerank.engines.openai_compatible.receive import is_packed, parse, receive, seconds_left
from rerank.engines.openai_compatible.reply import model_names
from rerank.errors import EngineError, EngineOverloaded, EngineTimeout
from rerank.sanitise import tidy

__all__ = ["ChatClient", "RequestRefused"]

_PATIENCE_S = 120.0
"""Deadline of a call that was given none."""

_CONNECT_S = 5.0
_OVERLOADED = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE, 529})
_REFUSED = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.NOT_IMPLEMENTED})

_WORDS: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "the model server wants another API key",
    HTTPStatus.FORBIDDEN: "the model server does not allow this to the API key",
    HTTPStatus.NOT_FOUND: "the model server knows no such address or model",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "the pictures are too large for the model server",
}

_log = logging.getLogger(__name__)


class RequestRefused(EngineError):  # noqa: N818 (named as its tree names errors)
    """The server understood that it was asked, and does not take a field of the request."""


class _Passing(Exception):  # noqa: N818 (it never leaves this module)
    """A failure that may pass: what to raise if it does not, and how long the server asks to wait (seconds)."""

    def __init__(self, error: EngineError, wait_s: float | None = None) -> None:
        super().__init__()
        self.error = error
        self.wait_s = wait_s


class ChatClient:
    """Posts to `{url}/chat/completions` and reads `{url}/models`; threads may share it.

    `url` holds the version, as in `http://127.0.0.1:8001/v1`. Certificates of https are checked; plain http has to be
    asked for by its name, so an address without a scheme is https. Redirects are not followed: the key stays with the
    server it is for. At most `concurrency` requests are under way; others wait until their deadline.

    ValueError for an address that is none or holds a password, and for a key that no header can carry.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        concurrency: int = 8,
        retries: int = 2,
        sleep: Callable[[float], None] = time.sleep,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        base = _base(url)
        self._completions, self._models = _below(base, "/chat/completions"), _below(base, "/models")
        self._retries = retries
        self._sleep = sleep
        self._slots = threading.BoundedSemaphore(concurrency)
        self._secret = _checked(api_key)
        self._http = httpx.Client(
            headers={"Accept": "application/json", "Accept-Encoding": "identity", **_authorization(self._secret)},
            limits=httpx.Limits(max_connections=concurrency),
            transport=transport,
        )

    def complete(self, body: Mapping[str, object], deadline: float | None = None) -> object:
        """Post a body and return the JSON of the reply; `deadline` is a value of `time.monotonic()`.

        Raises:
            EngineTimeout: there was no whole reply before the deadline.
            EngineOverloaded: the server says so, or no slot was free before the deadline.
            RequestRefused: status 400, 422 or 501.
            EngineError: the server cannot be reached, fails, or answers with something else than JSON.
        """
        content = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        limit = deadline if deadline is not None else time.monotonic() + _PATIENCE_S
        for attempt in count():
            try:
                return self._attempt("POST", self._completions, limit, content)
            except _Passing as failure:
                wait = pause(attempt, failure.wait_s)
                if attempt >= self._retries or time.monotonic() + wait >= limit:
                    raise failure.error from failure.__cause__
            self._sleep(wait)
        raise AssertionError  # count() does not end

    def models(self, deadline: float) -> tuple[str, ...]:
        """The names of the models that the server offers, asked for once.

        Raises as `complete`, EngineError also for a list in another shape.
        """
        try:
            reply = self._attempt("GET", self._models, deadline)
        except _Passing as failure:
            raise failure.error from failure.__cause__
        return model_names(reply)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _attempt(self, method: str, url: httpx.URL, deadline: float, content: bytes | None = None) -> object:
        """Try once. Raises _Passing for what another try may mend."""
        with self._slot(deadline):
            left = seconds_left(deadline)
            timeout = httpx.Timeout(left, connect=min(left, _CONNECT_S))
            headers = {"Content-Type": "application/json"} if content is not None else {}
            try:
                with self._http.stream(method, url, content=content, headers=headers, timeout=timeout) as response:
                    self._check(response)
                    reply = receive(response, deadline)
            except httpx.ConnectTimeout as error:
                seconds_left(deadline)
                raise _Passing(EngineError("the model server cannot be reached")) from error
            except httpx.TimeoutException as error:
                raise EngineTimeout("the model server did not answer before the deadline") from error
            except httpx.TransportError as error:
                seconds_left(deadline)  # it was us who cut it
                raise _Passing(EngineError("the connection to the model server failed")) from error
        return parse(reply)

    @contextmanager
    def _slot(self, deadline: float) -> Iterator[None]:
        """Wait for one of the slots, at most until the deadline."""
        if not self._slots.acquire(timeout=seconds_left(deadline)):
            raise EngineOverloaded("too many requests to the model server are under way")
        try:
            yield
        finally:
            self._slots.release()

    def _check(self, response: httpx.Response) -> None:
        """Raise what a status other than 2xx means."""
        if response.is_success:
            return
        status = response.status_code
        _log.info("the model server answered %d: %s", status, self._excerpt(response))
        if status in _OVERLOADED:
            overloaded = EngineOverloaded(f"the model server has too much to do (status {status})")
            raise _Passing(overloaded, retry_after(response.headers.get("Retry-After")))
        error = EngineError(_WORDS.get(status, "the model server failed") + f" (status {status})")
        if status in _REFUSED:
            raise RequestRefused(f"the model server refused the request (status {status})")
        if response.is_server_error or status == HTTPStatus.REQUEST_TIMEOUT:
            raise _Passing(error)
        raise error

    def _excerpt(self, response: httpx.Response) -> str:
        """The start of an error body for the log; some servers repeat the key that they do not like."""
        start = b"" if is_packed(response) else next(response.iter_raw(), b"")
        text = start[:2000].decode("utf-8", "replace")
        return tidy(text.replace(self._secret, "***") if self._secret else text, 200)


def _base(url: str) -> httpx.URL:
    """The address that everything else lies below."""
    try:
        base = httpx.URL(url.strip() if "://" in url else f"https://{url.strip()}")
    except httpx.InvalidURL:
        raise ValueError("the address of the model server is not valid") from None
    if base.scheme not in ("http", "https") or not base.host or base.userinfo:
        raise ValueError("the model server needs an http or https address without a password")
    return base


def _below(base: httpx.URL, path: str) -> httpx.URL:
    """An address below another one; a query stays where it is."""
    return base.copy_with(path=base.path.rstrip("/") + path, fragment=None)


def _checked(key: str | None) -> str:
    """The key without white space around it. A broken one would be quoted by the error of the HTTP library."""
    key = (key or "").strip()
    if not (key.isascii() and key.isprintable()):
        raise ValueError("the API key holds characters that no HTTP header can carry")
    return key


def _authorization(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {}
