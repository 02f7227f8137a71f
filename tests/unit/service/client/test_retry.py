"""When a call is sent again, and what errors become of answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.client import (
    AnswerError,
    BusyError,
    Client,
    ClientError,
    ConnectionFailedError,
    InvalidRequestError,
    KeyRefusedError,
    NotFoundError,
    ProblemError,
    ServiceFaultError,
    UnavailableError,
)
from service.client.retry import RetryPolicy, retry_after_s

BUSY = {"type": "urn:withthis:problem:overloaded", "title": "Busy", "status": 429, "detail": "Try again."}
READY = {"status": "ready", "encoder": "fake", "rows": 1}


class Service:
    """Answers what it is told to, and remembers what it was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    def client(self, **options: Any) -> Client:
        policy = RetryPolicy(**{"first_wait_s": 0.0, **options})
        return Client("http://service", api_key="wt_secret", retry=policy, transport=httpx.MockTransport(self))


def busy(status: int = 429, wait: str | None = None) -> httpx.Response:
    return httpx.Response(status, json=BUSY, headers={"Retry-After": wait} if wait else {})


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_service_is_asked_again(status: int) -> None:
    service = Service(busy(status, "0"), busy(status), httpx.Response(200, json=READY))
    with service.client() as client:
        assert client.ready().encoder == "fake"
    assert len(service.asked) == 3 and {request.headers["x-api-key"] for request in service.asked} == {"wt_secret"}


def test_not_for_ever_and_the_last_answer_counts() -> None:
    service = Service(busy(429, "0"))
    with service.client(retries=3) as client, pytest.raises(BusyError) as caught:
        client.search("a mug")
    assert len(service.asked) == 4 and caught.value.retry_after_s == 0 and caught.value.detail == "Try again."


def test_a_longer_wait_than_allowed_is_left_to_the_caller() -> None:
    service = Service(busy(429, "60"))
    with service.client() as client, pytest.raises(BusyError) as caught:
        client.ready()
    assert len(service.asked) == 1 and caught.value.retry_after_s == 60


def test_what_must_not_be_repeated_is_not() -> None:
    service = Service(busy(503))
    with service.client() as client, pytest.raises(UnavailableError):
        client.patch_product("P1", price=2)
    assert len(service.asked) == 1


@pytest.mark.parametrize("status", [400, 404, 500, 502])
def test_other_answers_are_final(status: int) -> None:
    service = Service(httpx.Response(status, json=BUSY))
    with service.client() as client, pytest.raises(ProblemError):
        client.search("a")
    assert len(service.asked) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((400, InvalidRequestError), (401, KeyRefusedError), (403, KeyRefusedError), (404, NotFoundError)),
        *((413, InvalidRequestError), (422, InvalidRequestError), (429, BusyError), (500, ServiceFaultError)),
        *((502, ServiceFaultError), (503, UnavailableError), (302, InvalidRequestError)),
    ],
)
def test_each_status_has_its_error(status: int, kind: type[ProblemError]) -> None:
    for content in (b"", b"<html>", b"[]", b'{"detail": 5}'):
        service = Service(httpx.Response(status, content=content, headers={"location": "http://elsewhere/"}))
        with service.client(retries=0) as client, pytest.raises(kind) as caught:
            client.get_product("P1")
        assert caught.value.status == status and len(service.asked) == 1 and "wt_secret" not in str(caught.value)


@pytest.mark.parametrize("error", [httpx.ConnectError("x"), httpx.ReadTimeout("x"), httpx.RemoteProtocolError("x")])
def test_no_answer_is_an_error_of_its_own(error: Exception) -> None:
    with Service(error).client() as client, pytest.raises(ConnectionFailedError):
        client.alive()


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://host", "http://", "http://[::1"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ConnectionFailedError, match="not a URL"):
        Client(url)


def test_fields_of_a_newer_service_are_passed_over_and_nonsense_is_not() -> None:
    product: dict[str, Any] = {
        "id": "P",
        "title": "",
        "category": None,
        "price": None,
        "attributes": {},
        "image_url": None,
    }
    service = Service(httpx.Response(200, json={"products": [product | {"new": 1}], "next_cursor": None, "more": 2}))
    with service.client() as client:
        assert [found.id for found in client.list_products()] == ["P"]
    for content in (b"<html>", b"{}", b'{"products": 1}'):
        with Service(httpx.Response(200, content=content)).client() as client, pytest.raises(AnswerError):
            client.product_page()


def test_retry_after_is_a_number_or_a_date() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert 20 < (retry_after_s({"Retry-After": soon}) or 0) <= 30
    assert retry_after_s({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0
    assert retry_after_s({}) is None


@given(st.text())
def test_any_retry_after_is_read_without_an_error(text: str) -> None:
    found = retry_after_s({"Retry-After": text})
    assert found is None or found >= 0


@given(st.integers(0, 40), st.floats(0.01, 5), st.floats(0.01, 60))
def test_waits_grow_and_are_bounded(attempt: int, first: float, longest: float) -> None:
    policy = RetryPolicy(retries=100, first_wait_s=first, longest_wait_s=longest)
    wait = policy.wait_s(attempt, 503, {}, repeatable=True)
    assert wait is not None and min(first * 2**attempt, longest) / 2 <= wait <= longest


def test_all_errors_are_of_one_tree() -> None:
    kinds = (ConnectionFailedError, AnswerError, ProblemError)
    assert all(issubclass(kind, ClientError) for kind in kinds)
