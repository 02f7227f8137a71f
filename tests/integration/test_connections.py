"""Connections are bounded before anybody is asked who they are: over real sockets, with lowered limits."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.cli.server import uvicorn_options
from service.server.connections import descriptors
from service.server.connections.crowd import CrowdLog
from service.settings import Settings
from tests.fakes import Shop, make_shop
from tests.integration.live import live
from tests.integration.test_clients_gone import sample, until

BODIES = {
    ("POST", "/v1/search"): "/v1/search",
    ("POST", "/v1/search/stream"): "/v1/search/stream",
    ("POST", "/v1/rerank"): "/v1/rerank",
    ("POST", "/v1/embeddings"): "/v1/embeddings",
    ("POST", "/v1/feedback"): "/v1/feedback",
    ("PUT", "/v1/products"): "/v1/products",
    ("PATCH", "/v1/products/p1"): "/v1/products/{product_id}",
}
KINDS = ("application/json", "application/x-ndjson", "multipart/form-data; boundary=x")


@contextmanager
def connected(url: str) -> Iterator[socket.socket]:
    target = httpx.URL(url)
    with socket.create_connection((target.host, target.port or 80), timeout=20) as connection:
        yield connection


def head(method: str, path: str, kind: str = "application/json", length: int = 100) -> bytes:
    lines = (f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Type: {kind}", f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode()


def answer(connection: socket.socket) -> tuple[int, dict[str, Any]]:
    """The status and problem document of an answer after which the connection ends."""
    raw = b""
    while part := connection.recv(65536):
        raw += part
    status, _, rest = raw.partition(b"\r\n")
    return int(status.split()[1]), json.loads(rest.partition(b"\r\n\r\n")[2])


def next_status(connection: socket.socket) -> int:
    """The status of an answer that is read whole, so that the next one begins where it ends."""
    response = HTTPResponse(connection)
    response.begin()
    response.read()
    return response.status


def shop_with(folder: Path, **settings: Any) -> Shop:
    lowered: dict[str, Any] = {"body_timeout_s": 0.3, "header_timeout_s": 0.3, "body_min_rate": 10**6}
    return make_shop(folder, **{**lowered, **settings})


def test_a_head_that_is_too_long_is_refused_and_costs_no_more(tmp_path: Path) -> None:
    with live(shop_with(tmp_path, max_header_bytes=2048, header_timeout_s=20)) as url, connected(url) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nX-Long: " + b"a" * 4096)
        status, problem = answer(connection)
        assert (status, problem["type"]) == (431, "urn:withthis:problem:headers-too-large")
        assert httpx.get(f"{url}/healthz", headers={"X-Long": "a" * 1024}).status_code == 200


def test_a_head_of_too_many_headers_is_refused(tmp_path: Path) -> None:
    with live(shop_with(tmp_path)) as url:
        for count, status in ((100, 200), (200, 431)):
            assert httpx.get(f"{url}/healthz", headers={f"X-{n}": "" for n in range(count)}).status_code == status


def test_a_head_that_does_not_come_in_time_is_told_so(tmp_path: Path) -> None:
    with live(shop_with(tmp_path)) as url, connected(url) as silent, connected(url) as slow:
        slow.sendall(b"GET /healthz HTTP/1.1\r\nHost: loc")
        status, problem = answer(slow)
        assert (status, problem["type"]) == (408, "urn:withthis:problem:header-timeout")
        assert silent.recv(1) == b"", "who says nothing is told nothing"


def test_a_second_head_on_one_connection_is_bounded_as_well(tmp_path: Path) -> None:
    with live(shop_with(tmp_path)) as url, connected(url) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert next_status(connection) == 200
        connection.sendall(b"GET /healthz HTTP/1.1\r\n")
        assert answer(connection)[0] == 408


def test_what_is_not_http_is_answered_in_the_one_shape(tmp_path: Path) -> None:
    with live(shop_with(tmp_path)) as url, connected(url) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
        status, problem = answer(connection)
        assert (status, problem["type"]) == (400, "urn:withthis:problem:bad-request")


@pytest.mark.parametrize("scheme", ["http", "HTTPS"])
def test_a_whole_address_is_taken_as_from_a_client_that_sees_a_proxy(tmp_path: Path, scheme: str) -> None:
    with live(shop_with(tmp_path, header_timeout_s=20)) as url, connected(url) as connection:
        for target, status in (
            ("localhost/v1/products?limit=1", 200),
            ("localhost/none", 404),
            ("elsewhere.example/v1/products", 403),
        ):
            connection.sendall(f"GET {scheme}://{target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert next_status(connection) == status, target


def test_another_protocol_that_is_offered_is_passed_over_in_silence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    offered = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    with live(shop_with(tmp_path)) as url, caplog.at_level(logging.WARNING):
        assert httpx.get(f"{url}/healthz", headers=offered).status_code == 200
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_body_in_chunks_of_a_byte_is_refused_and_one_in_small_lines_is_not(tmp_path: Path) -> None:
    start = head("PUT", "/v1/products", KINDS[1]).replace(b"Content-Length: 100", b"Transfer-Encoding: chunked")
    with live(shop_with(tmp_path, body_timeout_s=20)) as url:
        with connected(url) as connection:
            connection.sendall(start + b"1\r\na\r\n" * 2001)
            status, problem = answer(connection)
            assert (status, problem["type"]) == (400, "urn:withthis:problem:bad-request")
            assert "chunks" in problem["detail"]
        lines = (f'{{"id": "p{number}", "title": "a mug of many"}}\n'.encode() for number in range(2500))
        sent = httpx.put(f"{url}/v1/products", content=lines, headers={"Content-Type": KINDS[1]}, timeout=60)
        assert sent.status_code == 200 and len(sent.json()["results"]) == 2500


def test_a_body_that_is_not_http_in_its_midst_is_told_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    start = head("POST", "/v1/search").replace(b"Content-Length: 100", b"Transfer-Encoding: chunked")
    with live(shop_with(tmp_path, body_timeout_s=20)) as url, connected(url) as connection:
        connection.sendall(start + b"1\r\na\r\n")
        time.sleep(0.1)
        connection.sendall(b"nonsense\r\n")
        assert answer(connection)[0] == 400
        gone = 'withthis_requests_total{method="POST",route="/v1/search",status="499"} '
        until(lambda: sample(url, gone) == 1)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("kind", KINDS)
def test_a_body_that_does_not_come_is_timed_out_and_the_connection_ends(tmp_path: Path, kind: str) -> None:
    with live(shop_with(tmp_path)) as url, connected(url) as connection:
        connection.sendall(head("PUT", "/v1/products", kind) + b'{"id"')
        status, problem = answer(connection)
        assert (status, problem["type"]) == (408, "urn:withthis:problem:body-timeout")


def test_clients_that_leave_during_their_body_are_gone_and_no_fault(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shop = shop_with(tmp_path, body_timeout_s=20, search_log=tmp_path / "log", feedback=True)
    with live(shop) as url, caplog.at_level(logging.WARNING):
        for method, path in BODIES:
            for kind in KINDS if path in ("/v1/search", "/v1/products") else KINDS[:1]:
                with connected(url) as connection:
                    connection.sendall(head(method, path, kind) + b"--x\r\n")
        for (method, _), route in BODIES.items():
            name = f'withthis_requests_total{{method="{method}",route="{route}",status="499"}} '
            until(partial(lambda name: sample(url, name) >= 1, name))
        text = httpx.get(f"{url}/metrics").text
    assert 'status="500"' not in text
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_connections_beyond_the_limit_are_told_so_and_the_probe_is_answered(tmp_path: Path) -> None:
    shop = shop_with(tmp_path, max_connections=4, body_timeout_s=20, header_timeout_s=20)
    with live(shop) as url, ExitStack() as stack:
        for _ in range(4):
            half = stack.enter_context(connected(url))
            half.sendall(head("POST", "/v1/search") + b"{")
        until(lambda: httpx.get(f"{url}/v1/search/options").status_code == 503)
        full = httpx.get(f"{url}/v1/search/options")
        assert full.json()["type"] == "urn:withthis:problem:too-many-connections"
        assert full.headers["retry-after"] == "1" and full.headers["connection"] == "close"
        assert httpx.get(f"{url}/healthz").status_code == 200
        stack.close()
        until(lambda: httpx.get(f"{url}/v1/search/options").status_code == 200)


def test_an_answer_that_nobody_takes_ends_with_its_connection(tmp_path: Path) -> None:
    shop = shop_with(tmp_path, write_timeout_s=0.4)
    key = shop.images.put(b"\x89PNG\r\n\x1a\n" + b"\0" * (8 * 2**20))
    with live(shop) as url, connected(url) as connection:
        connection.sendall(f"GET /v1/images/{key} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        time.sleep(1.5)  # takes nothing for longer than allowed
        with pytest.raises((ConnectionResetError, AssertionError)):
            size = 0
            while part := connection.recv(2**20):
                size += len(part)
            assert size > 8 * 2**20


def test_answers_that_wait_for_their_clients_share_a_bound(tmp_path: Path) -> None:
    shop = shop_with(tmp_path, write_timeout_s=20, max_held_bytes=20 * 2**20)
    key = shop.images.put(b"\x89PNG\r\n\x1a\n" + b"\0" * (8 * 2**20))
    request = f"GET /v1/images/{key} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    with live(shop) as url, ExitStack() as stack:
        for _ in range(2):
            slow = stack.enter_context(connected(url))
            slow.sendall(request)
            assert slow.recv(12) == b"HTTP/1.1 200"
        refused = httpx.get(f"{url}/v1/images/{key}")
        assert refused.status_code == 429 and refused.headers["retry-after"] == "1"
        stack.close()
        until(lambda: httpx.get(f"{url}/v1/images/{key}").status_code == 200)


def test_the_probe_is_answered_while_a_large_body_is_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    began, go_on = threading.Event(), threading.Event()

    def parse(*_: object, **__: object) -> None:
        began.set()
        assert go_on.wait(20)
        raise ValueError

    monkeypatch.setattr("service.server.requests.body.parse_body", parse)
    large = json.dumps({"text": "a" * 100_000}).encode()
    with live(shop_with(tmp_path, body_timeout_s=20)) as url, connected(url) as connection:
        connection.sendall(head("POST", "/v1/search", length=len(large)) + large)
        assert began.wait(20)
        assert httpx.get(f"{url}/healthz").status_code == 200
        go_on.set()


def test_the_limit_of_connections_is_below_that_of_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    assert descriptors.raise_limit() >= 256
    monkeypatch.setattr(descriptors, "raise_limit", lambda: 256)
    bounds = uvicorn_options(Settings(_env_file=None))["http"].args[0]
    assert bounds.max_connections == 128


def test_a_crowd_is_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    times = iter([1.0, 2.0, 60.9, 61.1])
    log = CrowdLog(clock=lambda: next(times))
    for _ in range(4):
        log.turned_away(5)
    assert len(caplog.records) == 2
