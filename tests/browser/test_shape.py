"""Price slider, sorting, variants and rules on the page, by keyboard alone, and nothing serious for axe."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.stocks import Row, stock
from tests.browser.test_access import serious
from tests.browser.test_filters import counted, filters, options
from tests.browser.test_search import ask, reranked, titles
from tests.integration.live import live

PRODUCTS = 48
RULES = """
rules:
  - {name: gifts first, pin: [{product_id: p0040, position: 1}]}
  - {name: no socks, exclude: {id: {eq: p0000}}}
"""


def rows() -> list[Row]:
    """Styles of four variants each; prices from 5 to 99."""
    return [
        {
            "category": "mug",
            "price": 5.0 + 2 * n,
            "attributes": {"item_group_id": f"style {n // 4}", "size": "SML"[n % 3]},
        }
        for n in range(PRODUCTS)
    ]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "rules.yaml").write_text(RULES)
    with live(stock(tmp_path, rows(), rules=tmp_path / "rules.yaml")) as url:
        yield url


def prices(page: Page) -> list[float]:
    facts = page.locator("#lanes .card > .facts").all_inner_texts()
    return [float(text.rpartition(" ")[2]) for text in facts]


def choose(page: Page, name: str, first: str) -> Locator:
    """By keyboard: the option that begins so."""
    select = page.get_by_role("combobox", name=name, exact=True)
    select.focus()
    page.keyboard.type(first)
    return select


def test_a_price_range_by_the_arrow_keys(shop: str, open_page: OpenPage) -> None:
    page = open_page(shop)
    expect(counted(page)).to_have_text("Counts cover the whole catalog: 48 products.")  # so that a search asks for some
    ask(page, "a mug")
    reranked(page)
    expect(counted(page)).to_have_text("Counts cover the 47 products that match these filters.")
    highest = filters(page).get_by_label("Highest price")
    assert (highest.get_attribute("min"), highest.get_attribute("max")) == ("5", "99")
    highest.focus()
    page.keyboard.press("Home")  # to the other end; the handles do not pass each other
    expect(page).to_have_url(re.compile(r"max=5\b"))
    expect(filters(page).get_by_label("to", exact=True)).to_have_value("5")
    for _ in range(4):
        page.keyboard.press("PageUp")
    expect(page).to_have_url(re.compile(r"max=\d\d"))
    most = float(filters(page).get_by_label("to", exact=True).input_value())
    matching = sum(5 + 2 * n <= most for n in range(1, PRODUCTS))
    expect(counted(page)).to_have_text(f"Counts cover the {matching} products that match these filters.")
    reranked(page)
    assert prices(page) and max(prices(page)) <= most
    sizes = [int(found) for found in re.findall(r"\((\d+)\)", " ".join(options(page, "Size")))]
    assert sum(sizes) == matching, "counts are beside the filters"
    again = open_page(page.url)
    reranked(again)
    expect(filters(again).get_by_label("Highest price")).to_have_value(str(int(most)))


def test_sorted_by_price_and_back(shop: str, open_page: OpenPage) -> None:
    page = open_page(shop)
    ask(page, "a mug")
    reranked(page)
    choose(page, "Sort by", "price, h")
    expect(page).to_have_url(re.compile("sort=price%3Adesc"))
    expect(titles(page).first).to_have_text(f"Product {PRODUCTS - 1}")
    assert prices(page) == sorted(prices(page), reverse=True)
    expect(page.locator("#lanes .shaped")).to_have_text("Rules applied: no socks.")
    page.get_by_role("button", name="Show more").click()
    expect(titles(page)).to_have_count(18)
    assert prices(page) == sorted(prices(page), reverse=True)
    page.get_by_role("button", name="Why this order?").click()
    expect(page.get_by_role("dialog")).to_contain_text("Sorted, and not reranked.")
    page.keyboard.press("Escape")
    choose(page, "Sort by", "rel")
    reranked(page)
    assert "sort=" not in page.url


def test_a_pinned_product_says_which_rule_moved_it(shop: str, open_page: OpenPage) -> None:
    page = open_page(shop)
    ask(page, "a mug")
    reranked(page)
    first = page.locator("#lanes .card").first
    expect(first.locator("h3")).to_have_text("Product 40")
    expect(first.locator(".ruled")).to_have_text("Moved by rule: gifts first")
    expect(page.locator("#lanes .ruled:visible")).to_have_count(1)
    expect(page.locator("#lanes .shaped")).to_have_text("Rules applied: gifts first, no socks.")
    first.get_by_role("button", name="Open Product 40").press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("gifts first")


def test_variants_are_one_card_that_opens(shop: str, open_page: OpenPage) -> None:
    page = open_page(shop, reduced_motion="reduce")
    ask(page, "a mug")
    reranked(page)
    choose(page, "Group by", "Item")
    expect(page).to_have_url(re.compile("group=item_group_id"))
    expect(page.locator("#lanes .variants")).to_have_count(9)
    card = page.locator("#lanes .card").first
    card.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(card.locator(".variants li")).to_have_count(3)
    assert serious(page, "variants") == []
    page.keyboard.press("Tab")
    name = page.evaluate("document.activeElement.querySelector('span').textContent")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("heading", name=name, exact=True)).to_be_visible()
    page.keyboard.press("Escape")
    again = open_page(page.url)
    expect(again.locator("#lanes .variants")).to_have_count(9)
    expect(again.get_by_role("combobox", name="Group by", exact=True)).to_have_value("item_group_id")


def test_what_has_no_image_says_so(tmp_path: Path, open_page: OpenPage) -> None:
    with live(stock(tmp_path, [{"image_key": ""}, {}])) as url:
        page = open_page(url)
        ask(page, "product 0")
        expect(titles(page)).to_have_count(2)
        expect(page.locator("#lanes .blank")).to_have_text("No image")
        assert serious(page, "no image") == []
