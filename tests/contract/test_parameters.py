"""What an address may say: unknown query parameters are refused, and a bound that was passed is named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from litestar.params import QueryParameter
from litestar.testing import TestClient

from tests.contract.test_errors import assert_problem

Client = TestClient[Any]
STRICT = ("/v1/search", "/v1/products", "/v1/images", "/v1/feedback")


def strict_handlers(client: Client) -> Iterator[tuple[str, str, list[str]]]:
    """Route, method, and the names of its query parameters."""
    for route in client.app.routes:
        if route.path.startswith(STRICT):
            for handler in route.route_handlers:
                fields = handler.parsed_fn_signature.parameters.items()
                named = [name for name, field in fields if isinstance(field.kwarg_definition, QueryParameter)]
                for method in handler.http_methods - {"OPTIONS"}:
                    yield route.path.replace("{key:str}", "a").replace("{product_id:path}", "p1"), method, named


def test_an_unknown_query_parameter_is_refused_on_every_route_of_our_own(client: Client) -> None:
    checked = 0
    for path, method, named in strict_handlers(client):
        response = client.request(method, path, params={"colour": "red"})
        assert response.status_code == 400, (method, path)
        assert response.json()["type"] == "urn:withthis:problem:unknown-field"
        assert_problem(response)
        assert all(name in response.json()["detail"] for name in named)
        checked += 1
    assert checked >= 9


def test_the_nearest_parameter_is_named(client: Client) -> None:
    detail = client.get("/v1/products", params={"limt": 3}).json()["detail"]
    assert detail == "This route has no such query parameter; the nearest is limit."


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/", "/v1/models"])
def test_other_routes_pass_over_them(client: Client, path: str) -> None:
    assert client.get(path, params={"v": "2"}).status_code == 200


@pytest.mark.parametrize(
    ("address", "detail"),
    [
        ("/v1/products?limit=501", "limit must be a whole number from 1 to 500."),
        ("/v1/products?limit=0", "limit must be a whole number from 1 to 500."),
        ("/v1/products?limit=x", "limit must be a whole number from 1 to 500."),
        ("/v1/products?filter=" + "a" * 20_001, "filter must be a text of at most 20000 characters."),
        ("/v1/products?limit=5&limit=6", "A query parameter was given twice. Send it once."),
        ("/v1/images/a?size=127", "size must be one of 128, 256, 320, 512."),
        ("/v1/products/" + "a" * 258, "product_id must be a text of at most 257 characters."),
    ],
)
def test_a_bound_that_was_passed_is_named(client: Client, address: str, detail: str) -> None:
    response = client.get(address)
    assert response.status_code == 400 and response.json()["detail"] == detail
    assert response.json()["type"] == "urn:withthis:problem:invalid-value"
    assert_problem(response)
