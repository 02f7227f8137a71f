"""One error shape on every route; the list of routes is the application's own, so that a new route is covered too."""

from __future__ import annotations

from typing import Any

import pytest
from litestar.testing import TestClient

from service import errors
from service.errors import PROBLEM_NAMESPACE, WithThisError
from tests.fakes import Shop

Client = TestClient[Any]
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def all_errors(root: type[WithThisError] = WithThisError) -> list[type[WithThisError]]:
    """The whole tree of what the service can answer; errors of the command line's client are not among it."""
    children = [child for child in root.__subclasses__() if child.__module__ == errors.__name__]
    return [root, *(below for child in children for below in all_errors(child))]


def assert_problem(response: Any) -> None:
    problem = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["status"] == response.status_code
    assert problem["type"].startswith(PROBLEM_NAMESPACE)
    assert problem["title"]
    assert problem["detail"].endswith(".")
    assert problem["message"].startswith(problem["title"]) and problem["message"].endswith(".")
    assert problem["error"].keys() == {"message", "type", "param", "code"}
    assert problem["error"]["message"] == problem["message"]
    assert problem["type"] == PROBLEM_NAMESPACE + problem["error"]["code"]
    assert "0x" not in response.text
    assert "Traceback" not in response.text


def test_every_route_refuses_a_wrong_method_in_the_same_shape(client: Client) -> None:
    checked = 0
    for route in client.app.routes:
        path = route.path.replace("{key:str}", "a").replace("{file_path:path}", "style.css")
        for method in METHODS:
            if method not in route.methods:
                response = client.request(method, path)
                assert response.status_code in {404, 405}, (method, path)
                assert_problem(response)
                if response.status_code == 405:
                    allowed = set(response.headers["allow"].split(", "))
                    assert allowed == route.methods | ({"HEAD"} if "GET" in route.methods else set())
                checked += 1
    assert checked > 20


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/metrics", "/v1/products", "/v1/products/p1", "/schema"])
def test_head_is_get_without_its_body(client: Client, path: str) -> None:
    got, head = client.get(path), client.head(path)
    assert (head.status_code, head.content) == (200, b"") != (200, got.content)
    assert head.headers["content-type"] == got.headers["content-type"]
    assert client.head("/v1/nothing").status_code == 404
    refused = client.head("/v1/rerank")
    assert refused.status_code == 405 and "POST" in refused.headers["allow"]


@pytest.mark.parametrize("path", [f"{folder}/nothing" for folder in ("", "/v1", "/v1/images", "/static", "/schema")])
def test_what_is_not_there_is_a_problem(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert_problem(response)


@pytest.mark.parametrize("key", ["../../etc/passwd", "..%2F..%2Fetc%2Fpasswd", "%00", "a" * 64 + ".png"])
def test_an_image_key_is_never_a_path(client: Client, key: str) -> None:
    response = client.get(f"/v1/images/{key}")
    assert response.status_code == 404
    assert_problem(response)


def test_a_thumbnail_of_any_other_size_is_refused(shop: Shop, client: Client) -> None:
    key = next(iter(shop.store.rows.values())).product.image_key
    response = client.get(f"/v1/images/{key}", params={"size": 9999})
    assert response.status_code == 400
    assert_problem(response)


@pytest.mark.parametrize("error", all_errors(), ids=lambda error: error.__name__)
def test_every_error_has_this_shape_on_the_wire(shop: Shop, client: Client, error: type[WithThisError]) -> None:
    shop.store.failure = error()
    response = client.post("/v1/search", json={"text": "a mug"})
    assert response.status_code == error.status
    assert_problem(response)


def test_every_error_is_drawn_in_the_tree() -> None:
    assert errors.__doc__ is not None
    missing = [error.__name__ for error in all_errors() if error.__name__ not in errors.__doc__]
    assert missing == []


def test_security_headers_are_on_every_answer(client: Client) -> None:
    for path in ("/", "/static/app.js", "/healthz", "/nothing", "/schema"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert "unsafe" not in headers["content-security-policy"], path
