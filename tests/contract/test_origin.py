"""Without keys a service answers under its own names, and what may change something comes from its own pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from service.server.access.api_keys import ApiKey, hash_key, new_key
from tests.conftest import open_client
from tests.contract.test_errors import assert_problem
from tests.fakes import make_shop

Client = TestClient[Any]
OWN = ("127.0.0.1", "127.0.0.1:8000", "localhost:8000", "LOCALHOST", "[::1]:8000", "[::1]")
FOREIGN = ("evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example", "192.168.0.7:8000")
UNSAFE = (("POST", "/v1/search"), ("PATCH", "/v1/products/p1"), ("PUT", "/v1/products"), ("DELETE", "/v1/products/p1"))


@contextmanager
def client_with(folder: Path, **settings: Any) -> Iterator[Client]:
    with open_client(make_shop(folder, **settings)) as client:
        yield client


def status(client: Client, host: str, method: str = "GET", path: str = "/v1/products", **headers: str) -> int:
    sent = {"Host": host, "Content-Type": "application/json"} | {
        name.replace("_", "-"): v for name, v in headers.items()
    }
    response = client.request(method, path, headers=sent, content=b'{"text": "a mug"}' if method == "POST" else None)
    if response.status_code == 403:
        assert_problem(response)
        assert response.json()["type"] == "urn:withthis:problem:foreign-request"
    return response.status_code


def test_only_the_names_of_this_machine_open_a_service_on_it(client: Client) -> None:
    assert {host: status(client, host) for host in OWN} == dict.fromkeys(OWN, 200)
    assert {host: status(client, host) for host in FOREIGN} == dict.fromkeys(FOREIGN, 403)
    for path in ("/healthz", "/readyz", "/"):
        assert status(client, "10.1.2.3:8000", path=path) == 200, "probes come by address"


def test_names_can_be_given_and_others_are_then_refused(tmp_path: Path) -> None:
    hosts = ["shop.example", "*.internal", "other.example:81"]
    with client_with(tmp_path, allowed_hosts=hosts) as client:
        for host in ("shop.example", "shop.example:8080", "a.internal:80", "a.b.internal", "other.example:81"):
            assert status(client, host) == 200, host
        for host in (
            "127.0.0.1",
            "internal",
            "evil-internal",
            "other.example:82",
            "other.example",
            "shop.example.evil",
        ):
            assert status(client, host) == 403, host
    with client_with(tmp_path, allowed_hosts=["*"]) as client:
        assert status(client, "any.example") == 200


@pytest.mark.parametrize("settings", [{"host": "0.0.0.0", "allow_anonymous": True}, "keys"])
def test_any_name_is_taken_beyond_this_machine_and_with_keys(tmp_path: Path, settings: Any) -> None:
    secret = new_key()
    keys = {"api_keys": [ApiKey(name="a", sha256=hash_key(secret), scopes=["admin"])]}
    with client_with(tmp_path, **(keys if settings == "keys" else settings)) as client:
        assert status(client, "shop.example", X_API_Key=secret) == 200
        if settings == "keys":
            assert status(client, "shop.example", "POST", "/v1/search", X_API_Key=secret, Origin="https://a.b") == 200


@pytest.mark.parametrize(("method", "path"), UNSAFE)
def test_pages_of_other_sites_change_nothing(client: Client, method: str, path: str) -> None:
    for foreign in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "http://127.0.0.1", "Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ):
        assert status(client, "127.0.0.1", method, path, **foreign) == 403, foreign
    for own in (
        {},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "https://behind.a.proxy", "Sec_Fetch_Site": "same-origin"},
        {"Sec_Fetch_Site": "none"},
    ):
        assert status(client, "127.0.0.1", method, path, **own) != 403, own


def test_reading_needs_no_origin_and_named_pages_may_call(tmp_path: Path, client: Client) -> None:
    assert status(client, "127.0.0.1", Origin="https://evil.example") == 200
    with client_with(tmp_path, cors_origins=["https://shop.example"]) as shared:
        for origin, expected in (("https://shop.example", 200), ("https://evil.example", 403)):
            found = status(shared, "127.0.0.1", "POST", "/v1/search", Origin=origin, Sec_Fetch_Site="cross-site")
            assert found == expected
