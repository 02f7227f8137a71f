"""Fixtures that all tests share."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from xdist.scheduler import LoadScopeScheduling

from service.app import create_app
from tests.fakes import Shop, make_shop

HOME = "http://127.0.0.1"
"""A name under which a service without keys is called."""


class _OneFileOneWorker(LoadScopeScheduling):  # type: ignore[misc]  # the package ships no types
    """A file's tests share its fixtures, and all tests with a Milvus server share it: two do not run side by side.

    Not by `--dist loadgroup`: pytest-xdist 3.8 writes its groups where pytest 9.2 no longer looks.
    """

    def _split_scope(self, nodeid: str) -> str:
        path, _, name = nodeid.partition("::")
        return "milvus-server" if "milvus_server" in path or "server" in name.partition("[")[2] else path


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Files with slow tests come first (pytest-xdist begins with those of many tests, which are quick ones), so that no
    worker begins a long file when the others have nothing more to do. A name that holds an address is another one in
    each worker, so that they would not agree on what there is to run.
    """
    if unstable := [item.nodeid for item in items if " at 0x" in item.nodeid]:
        raise pytest.UsageError(f"tests are named by addresses: {unstable[0]}; parametrize with ids that are names")
    if hasattr(config, "workerinput"):
        slow = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish() -> None:
    """All that was imported stays to the end; no garbage collection looks at it again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """How `make test` shares the tests out: in the order below."""
    config.option.loadscopereorder = False
    return _OneFileOneWorker(config, log)


@pytest.fixture(scope="module", autouse=True)
def no_event_loop_is_left() -> Iterator[None]:
    """A file that leaves one running in this thread, as Playwright does until it is stopped, fails here: otherwise
    `asyncio.run` refuses in files after it, and their coroutines that nobody awaited fail yet others.
    """
    yield
    assert asyncio._get_running_loop() is None


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
    return TestClient(create_app(shop.settings, shop.service), base_url=HOME, raise_server_exceptions=False)
