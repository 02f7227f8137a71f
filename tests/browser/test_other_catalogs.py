"""The search page of one catalog of several: its address, its searches, and the way to the others."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from service.app import create_app
from tests.browser.conftest import OpenPage
from tests.browser.test_search import ask, reranked, titles
from tests.integration.live import live_app
from tests.several_catalogs import several_catalogs


def test_a_page_searches_its_own_catalog_and_links_to_the_others(open_page: OpenPage, tmp_path: Path) -> None:
    mall = several_catalogs(tmp_path, ["walrus"])
    with live_app(lambda _: create_app(mall.settings, mall.service), mall.settings) as url:
        page = open_page(f"{url}/catalogs/walrus/")
        ask(page, "a thing")
        reranked(page)
        expect(titles(page).first).to_have_text("Thing of walrus")
        assert page.url.startswith(f"{url}/catalogs/walrus/?q=a+thing")
        page.reload()
        reranked(page)
        others = page.get_by_role("navigation", name="Catalogs")
        expect(others.get_by_role("link", name="walrus")).to_have_attribute("aria-current", "page")
        others.get_by_role("link", name="default").click()
        page.wait_for_url(f"{url}/")
        expect(page.locator(".recents")).to_have_count(0)
        ask(page, "a thing")
        reranked(page)
        expect(titles(page).first).to_have_text("Thing of default")
