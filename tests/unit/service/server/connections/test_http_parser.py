"""Requests as their clients write them."""

from __future__ import annotations

import h11
import pytest

from service.server.connections.http_parser import in_origin_form


@pytest.mark.parametrize(
    ("target", "path", "host"),
    [
        ("/v1/search?a=http://b/c", "/v1/search?a=http://b/c", "given"),
        ("http://shop.example:8000/v1/products?limit=1", "/v1/products?limit=1", "shop.example:8000"),
        ("HTTPS://[::1]/", "/", "[::1]"),
        ("http://shop.example", "/", "shop.example"),
        ("http://shop.example?a=1", "/?a=1", "shop.example"),
        ("*", "*", "given"),
    ],
)
def test_a_target_is_a_path_and_its_host_counts(target: str, path: str, host: str) -> None:
    headers = [("Host", "given"), ("X-Other", "1")]
    request = in_origin_form(h11.Request(method="GET", target=target, headers=headers))
    assert request.target == path.encode()
    assert sorted(request.headers) == [(b"host", host.encode()), (b"x-other", b"1")]
    assert (request.method, request.http_version) == (b"GET", b"1.1")
