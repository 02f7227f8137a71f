"""Chromium, and services for it to look at. All is skipped, with a plain message, where Chromium is not installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from benchmarks.chromium import NO_CHROMIUM, chromium, executable
from service.build import build_service
from service.catalog.ingest import ingest
from service.server.catalog import Catalog
from service.settings import Settings
from starter.catalogue import write_shop
from tests.fakes import Shop, make_shop
from tests.integration.live import live

PRODUCTS = 24
"""The first one is a leopard phone case."""
WAIT_MS = 15_000

OpenPage = Callable[..., Page]


@dataclass
class RealShop:
    """Settings and a catalog with the starter models."""

    settings: Settings
    parts: Catalog


@pytest.fixture(scope="session")
def installed() -> None:
    """Skips where there is no Chromium."""
    if executable() is None:
        pytest.skip(f"{NO_CHROMIUM}; the search page was not tested.")


@pytest.fixture(scope="module")
def browser(installed: None) -> Iterator[Browser]:
    """One Chromium for a file: Playwright's event loop counts as running in this thread until it is stopped."""
    expect.set_options(timeout=WAIT_MS)
    with chromium() as opened:
        yield opened


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens an address in a window of its own. Any error on the page, and any breach of its policy, fails the test."""
    complaints: list[str] = []
    contexts: list[BrowserContext] = []

    def open_(url: str, **options: object) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})  # type: ignore[arg-type]
        contexts.append(context)
        context.set_default_timeout(WAIT_MS)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.extend(_complaint(message)))
        page.goto(url)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []


def _complaint(message: ConsoleMessage) -> list[str]:
    """Answers such as 413 are logged by Chromium itself, as failed resources; those are what some tests are about."""
    wrong = message.type == "error" and not message.text.startswith("Failed to load resource")
    return [message.text] if wrong else []


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory, installed: None) -> Iterator[str]:
    """The address of a service with the starter models over a small demo shop."""
    folder = tmp_path_factory.mktemp("page")
    write_shop(folder / "feed", PRODUCTS, 7)
    settings = Settings(_env_file=None, data_dir=folder, store_uri="exact:", ingest_workers=0)
    service = build_service(settings)
    parts = service.default
    report = ingest(folder / "feed/products.csv", parts.encoder, parts.store, parts.images, workers=0)
    assert report.indexed == PRODUCTS
    with live(RealShop(settings, parts)) as url:
        yield url
    service.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., tuple[Shop, str]]]:
    """Serves shops of fakes, whose reranker turns every list around or does what it is told."""
    with ExitStack() as stack:

        def start(**options: object) -> tuple[Shop, str]:
            shop = make_shop(tmp_path, **options)  # type: ignore[arg-type]
            return shop, stack.enter_context(live(shop))

        yield start
