"""Fixtures that all tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from service.app import create_app
from tests.fakes import Shop, make_shop

HOME = "http://127.0.0.1"
"""A name under which a service without keys is called."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """For ``--dist loadgroup``: a file's tests share its fixtures, and all tests with a Milvus server share it."""
    for item in items:
        with_server = "milvus_uri" in getattr(item, "fixturenames", ()) or "server" in item.name.partition("[")[2]
        item.add_marker(pytest.mark.xdist_group("milvus-server" if with_server else str(item.path)))


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Twenty products and a reranker that turns every list around."""
    return make_shop(tmp_path)


@pytest.fixture
def client(shop: Shop) -> Iterator[TestClient[Litestar]]:
    """The service over `shop`; exceptions become answers, as they do in production."""
    with open_client(shop) as opened:
        yield opened


def open_client(shop: Shop) -> TestClient[Any]:
    """A client for any shop; use it in a `with`."""
    return TestClient(create_app(shop.settings, shop.parts), base_url=HOME, raise_server_exceptions=False)
