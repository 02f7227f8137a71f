"""The HTTP client of the OpenAI-compatible engine where no server is needed: addresses, keys, pauses, slots."""

import asyncio
import json
import logging
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from rerank.engines.engine import EngineRequest
from rerank.engines.openai_compatible import ChatClient, OpenAICompatibleEngine
from rerank.errors import EngineError, EngineOverloaded, EngineTimeout, ModelServerFailed, RequestRefused
from rerank.model_server.pauses import pause, retry_after

URL = "https://models.example/v1"
NOW = datetime(2030, 1, 1, tzinfo=UTC)


def client(handler: Callable[[httpx.Request], Any], url: str = URL, **options: Any) -> ChatClient:
    return ChatClient(url, transport=httpx.MockTransport(handler), **options)


def answer(status: int = 200, content: bytes = b"{}", headers: dict[str, str] | None = None) -> httpx.Response:
    """A response whose body is still to be read, as one from a network is."""
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(content))


def raising(error: Exception) -> Callable[[httpx.Request], httpx.Response]:
    def handler(request: httpx.Request) -> httpx.Response:
        raise error

    return handler


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("http://127.0.0.1:8001/v1", "http://127.0.0.1:8001/v1/chat/completions"),
        (" https://models.example/v1/ ", "https://models.example/v1/chat/completions"),
        ("models.example/v1", "https://models.example/v1/chat/completions"),
        ("https://x.example/openai?api-version=1#top", "https://x.example/openai/chat/completions?api-version=1"),
    ],
)
def test_addresses(url: str, asked: str) -> None:
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return answer()

    with closing(client(handler, url)) as opened:
        opened.complete({})
    assert seen == [asked]


@pytest.mark.parametrize(
    "url", ["", "https://", "ftp://x/v1", "file:///etc/passwd", "http://u:p@x/v1", "http://[::1/v1"]
)
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(ValueError, match="model server") as caught:
        ChatClient(url)
    assert "u:p" not in str(caught.value)


@pytest.mark.parametrize("key", ["a\nb", "a\x00", "schlüssel"])
def test_a_key_that_no_header_can_carry_is_refused_without_being_quoted(key: str) -> None:
    with pytest.raises(ValueError, match="API key") as caught:
        ChatClient(URL, api_key=key)
    assert key not in str(caught.value)


@pytest.mark.parametrize(("key", "sent"), [("sk-1\n", "Bearer sk-1"), ("", None), (None, None)])
def test_the_key_goes_into_one_header(key: str | None, sent: str | None) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        assert request.headers.get("Authorization") == sent
        return answer(content=b'{"ok": true}')

    with closing(client(handler, api_key=key)) as opened:
        assert opened.complete({}) == {"ok": True}
        assert "sk-1" not in repr(opened) + repr(opened._http.headers)


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (httpx.ReadTimeout("slow"), EngineTimeout),
        (httpx.WriteTimeout("slow"), EngineTimeout),
        (httpx.ConnectTimeout("slow"), ModelServerFailed),
        (httpx.ConnectError("[Errno 111] refused"), ModelServerFailed),
        (httpx.RemoteProtocolError("closed"), ModelServerFailed),
    ],
)
def test_errors_of_the_library_become_ours(error: Exception, raised: type[Exception]) -> None:
    with closing(client(raising(error), sleep=lambda seconds: None)) as opened, pytest.raises(raised) as caught:
        opened.complete({})
    assert type(caught.value) is raised
    assert str(error) not in str(caught.value)


@pytest.mark.parametrize(("status", "raised"), [(400, RequestRefused), (422, RequestRefused), (404, ModelServerFailed)])
def test_statuses(status: int, raised: type[Exception]) -> None:
    with (
        closing(client(lambda request: answer(status, b"secret"))) as opened,
        pytest.raises(raised) as caught,
    ):
        opened.complete({})
    assert type(caught.value) is raised
    assert "secret" not in str(caught.value) and str(status) in str(caught.value)


def test_the_log_says_what_the_server_said_but_not_the_key(caplog: pytest.LogCaptureFixture) -> None:
    refused = client(lambda request: answer(401, b"bad key sk-1, no access\x1b[31m"), api_key="sk-1")
    with caplog.at_level(logging.INFO), closing(refused) as opened, pytest.raises(EngineError):
        opened.complete({})
    assert "no access" in caplog.text
    assert "sk-1" not in caplog.text and "\x1b" not in caplog.text


def test_it_waits_between_tries_as_it_was_told() -> None:
    waits: list[float] = []
    busy = client(lambda request: answer(429, headers={"Retry-After": "7"}), retries=3, sleep=waits.append)
    with closing(busy) as opened, pytest.raises(EngineOverloaded):
        opened.complete({})
    assert len(waits) == 3 and all(7.0 <= wait <= 7.0 + 4.0 for wait in waits)


def test_no_try_begins_after_the_deadline() -> None:
    asked: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answer(500)

    with closing(client(handler)) as opened, pytest.raises(EngineTimeout):
        opened.complete({}, time.monotonic() - 1)
    assert asked == []


def test_without_retries_one_failure_is_enough() -> None:
    waits: list[float] = []
    broken = client(lambda request: answer(500), retries=0, sleep=waits.append)
    with closing(broken) as opened, pytest.raises(EngineError):
        opened.complete({})
    assert waits == []


def test_waiting_for_a_slot_ends_at_the_deadline() -> None:
    entered, leave = threading.Event(), threading.Event()

    async def handler(request: httpx.Request) -> httpx.Response:
        entered.set()
        await asyncio.to_thread(leave.wait, 30)
        return answer()

    with closing(client(handler, concurrency=1)) as opened, ThreadPoolExecutor(1) as pool:
        first = pool.submit(opened.complete, {})
        assert entered.wait(30)
        with pytest.raises(EngineOverloaded):
            opened.complete({}, time.monotonic() + 0.05)
        leave.set()
        assert first.result() == {}
        assert opened.complete({}) == {}, "the slot is free again"


@pytest.mark.parametrize("attempt", [0, 1, 5, 1000])
def test_pauses_grow_to_a_limit_and_vary(attempt: int) -> None:
    pauses = {pause(attempt, None) for _ in range(100)}
    assert len(pauses) > 1
    assert all(0.0 <= one <= min(4.0, 0.25 * 2 ** min(attempt, 10)) for one in pauses)
    assert all(3.0 <= pause(attempt, 3.0) <= 7.0 for _ in range(100))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        (" 12 ", 12.0),
        ("Tue, 01 Jan 2030 00:01:30 GMT", 90.0),
        ("Tue, 01 Jan 2030 00:01:30 -0000", 90.0),
        ("Mon, 31 Dec 2029 00:00:00 GMT", 0.0),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("9" * 5000, None),
        ("inf", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


def test_retry_after_counts_from_now() -> None:
    later = (datetime.now(UTC) + timedelta(hours=1)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    seconds = retry_after(later)
    assert seconds is not None and math.isclose(seconds, 3600, abs_tol=300)


def test_what_the_settings_add_is_laid_over_every_request() -> None:
    seen: list[dict[str, Any]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(json.loads(request.content))
        return answer(content=b'{"choices": [{"message": {"content": "x"}}]}')

    extra = {"max_tokens": None, "max_completion_tokens": 9, "temperature": 1}
    with closing(OpenAICompatibleEngine(client(handler), model="m", extra=extra)) as opened:
        opened.generate(EngineRequest("x", ()))
    assert "max_tokens" not in seen[0]
    assert (seen[0]["max_completion_tokens"], seen[0]["temperature"]) == (9, 1)
