"""What both clients use of httpx: the connection setup, and the meaning of its errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from service.client.errors import ConnectionFailedError

NO_ANSWER = "The service does not answer. Start it with `withthis serve`, or check the URL."
TOO_SLOW = "The service did not answer in time. Give the client a longer timeout, or the search a shorter deadline."
NO_ADDRESS = "This is not a URL. Write it like http://127.0.0.1:8000."

_CONNECT_S = 5.0
_VERSION = "/v1"
"""Allowed at the end of the base URL, as for OpenAI's clients; the paths of the calls include it."""


def connection_options(base_url: str, api_key: str | None, timeout: float) -> dict[str, Any]:
    """Options of an httpx client. Redirects are not followed: they would forward the key.

    Raises ConnectionFailedError for an invalid URL.
    """
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL as error:
        raise ConnectionFailedError(NO_ADDRESS) from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise ConnectionFailedError(NO_ADDRESS)
    return {
        "base_url": url.copy_with(path=url.path.rstrip("/").removesuffix(_VERSION)),
        "headers": {"X-API-Key": api_key} if api_key else {},
        "timeout": httpx.Timeout(timeout, connect=min(_CONNECT_S, timeout)),
        "follow_redirects": False,
    }


@contextmanager
def connection_errors() -> Iterator[None]:
    """Convert transport errors to ours."""
    try:
        yield
    except httpx.TimeoutException as error:
        raise ConnectionFailedError(TOO_SLOW) from error
    except httpx.HTTPError as error:
        raise ConnectionFailedError(NO_ANSWER) from error
