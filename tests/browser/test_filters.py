"""Filters offer what the catalog holds, count it, and say what is counted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.stocks import stock, varied
from tests.browser.test_access import serious
from tests.browser.test_search import ask, reranked
from tests.integration.live import live

PRODUCTS = 600
WHOLE = "Counts cover the whole catalog: 600 products."


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[str]:
    """The address of a shop whose first hundred products are of one category."""
    with live(stock(tmp_path, varied(PRODUCTS))) as url:
        yield url


def filters(page: Page, name: str = "Filters") -> Locator:
    return page.get_by_role("group", name=name, exact=True)


def counted(page: Page) -> Locator:
    return page.locator("#composer .counted")


def options(page: Page, field: str) -> list[str]:
    return filters(page).get_by_role("combobox", name=field, exact=True).locator("option").all_inner_texts()


def test_all_categories_and_the_useful_attributes_with_their_counts(shop: str, open_page: OpenPage) -> None:
    page = open_page(shop)
    expect(counted(page)).to_have_text(WHOLE)
    assert options(page, "Category") == ["any", "cap (200)", "mug (300)", "Soyghurt (100)"]
    assert options(page, "Size") == ["any", "L (200)", "M (200)", "S (200)"]
    assert options(page, "Materials") == ["any", "glass (450)", "steel (150)", "wood (150)"]
    pills = [text.split("\n")[0] for text in filters(page).locator(".pill > span").all_inner_texts()]
    assert pills == ["Category", "Price from", "to", "Materials", "Size", "Color", "Brand"]  # few values first


def test_counts_of_a_search_are_of_the_products_it_counted(shop: str, open_page: OpenPage) -> None:
    page = open_page(shop)
    expect(counted(page)).to_have_text(WHOLE)
    ask(page, "something")
    reranked(page)
    expect(counted(page)).to_have_text("Counts cover the 600 products that match these filters.")
    total = sum(int(number) for number in re.findall(r"\((\d+)\)", " ".join(options(page, "Size"))))
    assert total == 600
    filters(page).get_by_label("Materials").focus()
    page.keyboard.press("w")  # by keyboard: to the option that begins so
    expect(page).to_have_url(re.compile("a.materials=%5B%22wood%22%5D"))
    expect(counted(page)).to_have_text("Counts cover the 150 products that match these filters.")
    assert options(page, "Materials") == ["any", "glass", "steel", "wood"]  # counts would be of wood alone
    reranked(page)
    again = open_page(page.url)
    reranked(again)
    expect(filters(again).get_by_label("Materials")).to_have_value("wood")
    expect(again.locator("#lanes .card")).to_have_count(9)
    assert serious(again, "filters") == []


def test_a_catalog_too_large_to_read_still_names_every_category(tmp_path: Path, open_page: OpenPage) -> None:
    with live(stock(tmp_path, varied(2700))) as url:
        page = open_page(url)
        expect(counted(page)).to_have_text("Counts cover a sample of 2100 products; the catalog has more.")
        assert [text.split(" (")[0] for text in options(page, "Category")] == ["any", "cap", "mug", "Soyghurt"]


def test_many_attributes_wait_behind_a_button(tmp_path: Path, open_page: OpenPage) -> None:
    rows = [{"category": "mug", "attributes": {f"a{n}": f"v{number % 2}" for n in range(7)}} for number in range(30)]
    with live(stock(tmp_path, rows)) as url:
        page = open_page(url)
        more = filters(page).get_by_text("More filters (3)")
        more.focus()
        page.keyboard.press("Enter")
        filters(page).get_by_label("A6").select_option("v1")
        ask(page, "a mug")
        reranked(page)
        assert "a.a6" in page.url
        assert serious(page, "more filters") == []
        expect(filters(page).get_by_label("Price from")).to_have_count(0)  # no product has one


def test_what_finds_nothing_names_the_filter_to_drop(shop: str, open_page: OpenPage) -> None:
    page = open_page(f"{shop}/?q=thing&category=mug&max=100&a.size=%22XL%22")
    notice = page.locator("#notice")
    expect(notice).to_contain_text("No product matches all 3 filters. Without “Size: XL”, some do.")
    expect(page.locator(".steps")).to_have_text("No products found.")
    notice.get_by_role("button", name="Remove “Size: XL”").focus()
    page.keyboard.press("Enter")
    reranked(page)
    expect(page).to_have_url(re.compile(r"category=mug&max=100&n=9$"))
    expect(notice).to_be_hidden()


def test_the_catalog_view_names_the_filter_to_drop_too(shop: str, open_page: OpenPage) -> None:
    page = open_page(f"{shop}/?view=catalogue")
    expect(page.locator("#view-catalogue .counted")).to_have_text(WHOLE)
    expect(page.locator("#products .card")).to_have_count(48)
    filters(page, "Catalog filters").get_by_label("Price from").fill("5000")
    page.keyboard.press("Tab")
    notice = page.locator("#catalogue-notice")
    expect(notice).to_contain_text("No product matches the filter “Price from 5000”.")
    notice.get_by_role("button", name="Remove “Price from 5000”").click()
    expect(page.locator("#products .card")).to_have_count(48)
