"""The search itself: an image and a sentence in, two orders out, each of them explained."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.fakes import Shop

Serve = Callable[..., tuple[Shop, str]]
LEOPARD = Path("starter/queries/leopard.webp")
PASTE = """(data) => {
  const bytes = Uint8Array.from(atob(data), (char) => char.charCodeAt(0));
  const clipboardData = new DataTransfer();
  clipboardData.items.add(new File([bytes], "pasted.webp", { type: "image/webp" }));
  document.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
}"""


def ask(page: Page, text: str) -> None:
    page.get_by_label("What are you looking for?").fill(text)
    page.keyboard.press("Enter")


def titles(page: Page) -> Locator:
    return page.locator("#lanes .card h3")


def with_image(img: Locator) -> None:
    """The image has come; `wait_for_function` would need what the page's policy forbids."""
    expect(img).to_have_js_property("complete", True)
    assert img.evaluate("img => img.naturalWidth") > 0


def reranked(page: Page) -> None:
    expect(page.locator(".steps").last).to_contain_text("reranked after")


def remembered(page: Page, text: str) -> None:
    """Wait until the browser has the query among its recent ones: the answer is shown before."""
    page.evaluate(
        """async text => {
            while (!(localStorage.getItem("withthis.recent") ?? "").includes(text))
                await new Promise(done => setTimeout(done, 20));
        }""",
        text,
    )


def test_the_leopard_query_by_upload(real: str, open_page: OpenPage) -> None:
    page = open_page(real)
    page.get_by_label("Query image").set_input_files(LEOPARD)
    ask(page, "a phone case with this")
    reranked(page)
    expect(titles(page)).to_have_count(9)
    expect(titles(page).filter(has_text="Leopard phone case")).not_to_have_count(0)
    with_image(page.locator("#lanes .shot img").first)


def test_the_leopard_query_by_paste_and_what_the_model_saw(real: str, open_page: OpenPage) -> None:
    page = open_page(real)
    page.evaluate(PASTE, base64.b64encode(LEOPARD.read_bytes()).decode())
    expect(page.get_by_role("img", name="Query image")).to_be_visible()
    ask(page, "a phone case with this")
    reranked(page)
    page.locator("#lanes .shot").first.click()
    sheet = page.get_by_role("dialog")
    expect(sheet).to_contain_text("rank-starter@1")
    expect(sheet.get_by_text("What the model saw")).to_be_visible()
    expect(sheet.locator(".shown li")).to_have_count(10)  # the query and nine candidates
    expect(sheet.locator(".raw")).to_contain_text('"ranking"')
    for fact in ("repaired", "Every product exactly once", "cosine similarity", "vector and lexical", "tokens read"):
        expect(sheet).to_contain_text(fact)
    expect(sheet.locator(".timing-bar span")).to_have_count(6)


def test_cards_stand_as_retrieved_until_the_reranker_has_answered(serve: Serve, open_page: OpenPage) -> None:
    shop, url = serve()
    shop.strategy.block = threading.Event()
    page = open_page(url)
    ask(page, "a mug")
    expect(page.get_by_text("Reranking…")).to_be_visible()
    before = titles(page).all_inner_texts()
    assert len(before) == 9
    expect(page.locator(".move")).to_have_count(0)
    shop.strategy.block.set()
    reranked(page)
    assert titles(page).all_inner_texts() == before[::-1]
    assert page.locator(".move").all_inner_texts() == ["↑8", "↑6", "↑4", "↑2", "=", "↓2", "↓4", "↓6", "↓8"]
    moved = page.locator("#lanes .shot").first
    expect(moved).to_have_attribute("aria-label", re.compile("place 1, moved up by 8 from place 9"))


def test_a_filter_holds_and_can_be_cleared(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve()[1])
    filters = page.get_by_role("group", name="Filters", exact=True)
    filters.get_by_label("Category").select_option("mug")
    ask(page, "something red")
    reranked(page)
    facts = page.locator("#lanes .facts").all_inner_texts()
    assert facts and all(fact.startswith("mug") for fact in facts)
    assert "category=mug" in page.url
    filters.get_by_role("button", name="Clear filters").click()
    expect(page.locator("#lanes .facts").filter(has_text="cap")).not_to_have_count(0)


def test_like_this_one_but(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(f"{serve()[1]}/?q=a+mug")
    reranked(page)
    title = titles(page).first.inner_text()
    page.get_by_role("button", name=f"Like {title}, but…", exact=True).click()
    expect(page.get_by_text(f"Like “{title}”, but…")).to_be_visible()
    expect(page.get_by_label("What are you looking for?")).to_be_focused()
    ask(page, "a cap")
    expect(page).to_have_url(re.compile("product="))
    reranked(page)
    assert title not in titles(page).all_inner_texts()


def test_an_address_brings_the_same_query_back(serve: Serve, open_page: OpenPage) -> None:
    url = serve()[1]
    page = open_page(url)
    page.get_by_role("button", name="rose “a mug with this”").click()
    reranked(page)
    found = titles(page).all_inner_texts()
    again = open_page(page.url)
    reranked(again)
    assert titles(again).all_inner_texts() == found
    remembered(page, "a mug with this")
    page.goto(url)
    page.locator(".recents").get_by_role("button", name="a mug with this").click()
    reranked(page)
    page.go_back()
    expect(page.get_by_text("Try one of these")).to_be_visible()


def test_a_link_to_an_image_of_ones_own_holds_the_image(serve: Serve, open_page: OpenPage) -> None:
    shop, url = serve()
    page = open_page(url)
    page.get_by_label("Query image").set_input_files(LEOPARD)
    ask(page, "a mug with this")
    reranked(page)
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('not allowed')); }")
    page.get_by_role("button", name="Copy link").click()
    link = page.get_by_label("Link to this query").input_value()
    again = open_page(link)
    reranked(again)
    expect(again.get_by_role("img", name="Query image")).to_be_visible()
    last = shop.encoder.seen[-1]
    assert last.text == "a mug with this" and last.image is not None


def test_two_configurations_side_by_side(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(f"{serve()[1]}/?q=a+mug")
    reranked(page)
    page.get_by_label("Compare two configurations").check()
    agreement = page.locator("#agreement")
    expect(agreement).to_have_text("9 products in both, 1 in the same place; the first product is different.")
    second = page.locator(".lane").nth(1)
    expect(second.locator(".there").first).to_have_text("A: 9")
    second.get_by_label("Rerank", exact=True).check()
    expect(agreement).to_have_text("9 products in both, 9 in the same place; the first product is the same.")
    second.get_by_label("Reranker weight").fill("0")
    expect(agreement).to_contain_text("1 in the same place")
    second.get_by_role("button", name="Why this order?").click()
    expect(page.get_by_role("dialog")).to_contain_text("listwise")


def test_what_was_read_in_the_sentence_is_said(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve()[1])
    ask(page, "red mugs under 90")
    said = page.locator(".understood")
    expect(said).to_have_text("Understood: colour red; category mug; under 90.")
    ask(page, "product 7")
    expect(said).to_be_hidden()
