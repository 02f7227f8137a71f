"""What an address brings back, and what it says where it cannot."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.test_search import LEOPARD, ask, remembered, reranked, titles, with_image
from tests.fakes import Shop

Serve = Callable[..., tuple[Shop, str]]


def test_a_reloaded_query_like_a_product_has_its_image_and_title(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(f"{serve()[1]}/?q=a+cap&product=p3")
    reranked(page)
    page.reload()
    reranked(page)
    expect(page.get_by_text("Like “Product 3”, but…")).to_be_visible()
    with_image(page.get_by_role("img", name="Product 3"))


def test_a_product_that_is_gone_is_said_and_nothing_else_is_searched(serve: Serve, open_page: OpenPage) -> None:
    shop, url = serve()
    page = open_page(f"{url}/?q=a+cap&product=sold")
    expect(page.get_by_role("alert")).to_contain_text(
        "The product whose image this query had is no longer in the catalog."
    )
    assert shop.encoder.seen == []
    page.get_by_role("button", name="Search without it").click()
    reranked(page)
    assert "product=" not in page.url


def test_a_reload_says_that_ones_own_image_is_missing(serve: Serve, open_page: OpenPage) -> None:
    shop, url = serve()
    page = open_page(url)
    page.get_by_label("Query image").set_input_files(LEOPARD)
    ask(page, "a mug with this")
    reranked(page)
    asked = len(shop.encoder.seen)
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("an image from your device, which the link does not contain")
    expect(titles(page)).to_have_count(0)
    assert len(shop.encoder.seen) == asked
    page.get_by_label("Query image").set_input_files(LEOPARD)
    page.get_by_label("What are you looking for?").press("Enter")
    reranked(page)
    remembered(page, "a mug with this")
    page.goto(url)
    page.locator(".recents").get_by_role("button", name="a mug with this").click()  # holds a reduced copy
    reranked(page)
    assert shop.encoder.seen[-1].image is not None


def test_another_image_says_that_the_results_are_not_its_own(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(f"{serve()[1]}/?q=a+mug")
    reranked(page)
    page.get_by_label("Query image").set_input_files(LEOPARD)
    expect(page.get_by_role("alert")).to_contain_text("These are still the results of the previous query.")
    page.get_by_label("What are you looking for?").press("Enter")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_what_is_shown_is_not_called_what_there_is(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(f"{serve(products=20)[1]}/?q=a+mug")
    reranked(page)
    expect(page.locator(".steps")).to_contain_text(
        re.compile("^Showing the first 9 products, there are more; retrieved in")
    )
    more = page.get_by_role("button", name="Show more")
    more.focus()
    page.keyboard.press("Enter")
    expect(titles(page)).to_have_count(18)
    assert len(set(titles(page).all_inner_texts())) == 18
    expect(page.get_by_text("From place 10 on in retrieval order: only the first page is reranked.")).to_be_visible()
    expect(page.locator(".move")).to_have_count(9)
    expect(page.locator("#lanes .shot").nth(9)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("10, in retrieval order")
    page.keyboard.press("Escape")
    more.click()
    expect(titles(page)).to_have_count(20)
    expect(more).to_be_hidden()
    expect(page.locator(".steps")).to_have_text("Showing 20 products")
