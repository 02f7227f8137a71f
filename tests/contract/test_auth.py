"""No route is open by accident: the list is the application's own route table, so a new route is covered too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar.testing import TestClient
from litestar.utils.sync import AsyncCallable

from service.cli.listening import check_exposure
from service.errors import ConfigurationError
from service.server.access.api_keys import hash_key
from service.server.access.auth import declared
from service.settings import Settings, load_settings
from tests.conftest import open_client
from tests.contract.test_errors import assert_problem
from tests.fakes import make_shop
from tests.integration.live import live

Client = TestClient[Any]
SECRETS = {"search": "wt_search", "write": "wt_write", "admin": "wt_admin"}
KEYS = [{"name": scope, "sha256": hash_key(secret), "scopes": [scope]} for scope, secret in SECRETS.items()]
OPEN = {
    "/",
    "/catalogs/{catalog}",
    "/health",
    "/healthz",
    "/readyz",
    "/static/{file_path:path}",
    "/examples/{file_path:path}",
}


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Client]:
    """The service with one key for each scope."""
    with open_client(make_shop(tmp_path, api_keys=KEYS)) as client:
        yield client


def routes(client: Client) -> Iterator[tuple[str, str, Any]]:
    """Path template, method and handler of every route."""
    for route in client.app.routes:
        for method, (handler, _) in route.route_handler_map.items():
            if method not in {"OPTIONS", "HEAD"}:
                yield route.path_format if hasattr(route, "path_format") else route.path, method, handler


def concrete(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "a", path)


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def test_every_route_declares_who_may_call_it_and_only_probes_and_page_are_open(client: Client) -> None:
    seen = {(route, method): declared(handler) for route, method, handler in routes(client)}
    assert None not in seen.values(), seen
    public = {route for (route, _), access in seen.items() if access == "public"}
    assert {re.sub(r":\w+\}", "}", path) for path in public} == {re.sub(r":\w+\}", "}", path) for path in OPEN}


def test_guards_run_in_the_event_loop(client: Client) -> None:
    guards = [guard for _, _, handler in routes(client) for guard in handler.resolve_guards()]
    assert guards
    assert not any(isinstance(guard, AsyncCallable) for guard in guards)  # what Litestar makes of one for a thread


def test_every_other_route_is_401_without_a_key_and_with_a_wrong_one(locked: Client) -> None:
    checked = 0
    for path, method, handler in routes(locked):
        if declared(handler) == "public":
            continue
        for headers in ({}, bearer("wt_wrong"), {"X-API-Key": ""}, {"Authorization": "Basic d3Q6"}):
            response = locked.request(method, concrete(path), headers=headers)
            assert response.status_code == 401, (method, path)
            assert response.headers["www-authenticate"] == "Bearer"
            assert_problem(response)
            checked += 1
    assert checked >= 12


def test_a_key_without_the_scope_is_403_and_admin_opens_everything(locked: Client) -> None:
    for path, method, handler in routes(locked):
        for scope, secret in SECRETS.items():
            wanted = declared(handler)
            status = locked.request(method, concrete(path), headers=bearer(secret)).status_code
            if wanted in {"public", scope} or scope == "admin":
                assert status not in {401, 403}, (method, path, scope)
            else:
                assert status == 403, (method, path, scope)


def test_both_headers_carry_a_key(locked: Client) -> None:
    for headers in (bearer("wt_search"), {"Authorization": "bearer wt_search"}, {"X-API-Key": "wt_search"}):
        assert locked.post("/v1/search", json={"text": "a mug"}, headers=headers).status_code == 200


def test_probes_and_page_answer_without_a_key(locked: Client) -> None:
    for path in ("/health", "/healthz", "/readyz", "/", "/static/js/app.js"):
        assert locked.get(path).status_code == 200


def test_images_can_be_made_public(tmp_path: Path) -> None:
    shop = make_shop(tmp_path, api_keys=KEYS, public_images=True)
    key = next(iter(shop.store.rows.values())).product.image_key
    with open_client(shop) as client:
        assert client.get(f"/v1/images/{key}").status_code == 200
        assert client.post("/v1/search", json={"text": "a mug"}).status_code == 401


def test_too_many_requests_with_one_key_are_429_and_others_go_on(tmp_path: Path) -> None:
    with open_client(make_shop(tmp_path, api_keys=KEYS, rate_limit_per_minute=2)) as client:
        answers = [client.post("/v1/search", json={"text": "a"}, headers=bearer("wt_search")) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[-1].json()["type"].endswith(":rate-limited")
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 30
        assert client.post("/v1/search", json={"text": "a"}, headers=bearer("wt_admin")).status_code == 200
        assert client.get("/healthz").status_code == 200


def test_cross_origin_pages_only_where_allowed(tmp_path: Path, client: Client) -> None:
    ask = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    assert "access-control-allow-origin" not in client.options("/v1/search", headers=ask).headers
    with open_client(make_shop(tmp_path, cors_origins=["https://shop.example"])) as open_to_shop:
        allowed = open_to_shop.options("/v1/search", headers={**ask, "Access-Control-Request-Headers": "x-api-key"})
        assert allowed.headers["access-control-allow-origin"] == "https://shop.example"
        stainless = ", ".join(f"x-stainless-{name}" for name in ("arch", "lang", "os", "runtime", "retry-count"))
        sent = {**ask, "Access-Control-Request-Headers": f"authorization, content-type, {stainless}"}
        assert open_to_shop.options("/v1/embeddings", headers=sent).status_code < 300, "OpenAI's client in a browser"
        other = open_to_shop.options("/v1/search", headers={**ask, "Origin": "https://evil.example"})
        assert other.headers.get("access-control-allow-origin") != "https://evil.example"


@pytest.mark.parametrize(
    ("host", "more", "refused"),
    [
        ("127.0.0.1", {}, False),
        ("::1", {}, False),
        ("0.0.0.0", {}, True),
        ("::", {}, True),
        ("10.0.0.5", {}, True),
        ("0.0.0.0", {"allow_anonymous": True}, False),
        ("0.0.0.0", {"api_keys": KEYS}, False),
    ],
)
def test_without_keys_it_listens_on_this_machine_alone(host: str, more: dict[str, Any], refused: bool) -> None:
    settings = Settings(_env_file=None, host=host, **more)
    if refused:
        with pytest.raises(ConfigurationError, match="keys new"):
            check_exposure(settings)
    else:
        check_exposure(settings)


@pytest.mark.parametrize(
    ("trusted", "sent", "expected"),
    [
        ([], ["10.0.0.1", "10.0.0.2", "10.0.0.3"], [200, 200, 429]),
        (["192.168.0.0/16"], ["10.0.0.1", "10.0.0.2", "10.0.0.3"], [200, 200, 429]),
        (["127.0.0.1"], ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.3"], [200, 200, 200, 200]),
        (["127.0.0.1"], ["10.9.9.1, 10.0.0.1", "10.9.9.2, 10.0.0.1", "10.9.9.3, 10.0.0.1"], [200, 200, 429]),
        (["127.0.0.0/8"], ["10.0.0.1, 127.0.0.9", "10.0.0.1", "10.0.0.1"], [200, 200, 429]),
    ],
)
def test_whose_addresses_are_believed(tmp_path: Path, trusted: list[str], sent: list[str], expected: list[int]) -> None:
    """A client counts by its last address that no trusted proxy has: what stands before may be made up."""
    with live(make_shop(tmp_path, rate_limit_per_minute=2, trusted_proxies=trusted)) as url:
        answers = [httpx.get(f"{url}/v1/products", headers={"X-Forwarded-For": address}) for address in sent]
    assert [answer.status_code for answer in answers] == expected


@pytest.mark.parametrize(
    "wrong",
    [
        {"trusted_proxies": ["proxy.example"]},
        {"trusted_proxies": ["10.0.0.1/8"]},
        {"allowed_hosts": ["http://shop.example"]},
        {"allowed_hosts": ["Shop.example"]},
    ],
)
def test_proxies_are_addresses_and_hosts_are_names(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="WITHTHIS_"):
        load_settings(**wrong)
