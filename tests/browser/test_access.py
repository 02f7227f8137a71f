"""Without a mouse, without much width, without good eyes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from benchmarks.page import WEIGHT
from tests.browser.conftest import OpenPage
from tests.browser.test_search import ask, reranked
from tests.fakes import Shop

Serve = Callable[..., tuple[Shop, str]]


def focused(page: Page) -> str:
    label: str = page.evaluate("document.activeElement.getAttribute('aria-label') ?? document.activeElement.id")
    return label


def test_everything_by_keyboard(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve()[1])
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to search")).to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_label("What are you looking for?")).to_be_focused()
    page.keyboard.type("a mug")
    page.keyboard.press("Enter")
    reranked(page)
    page.locator("#lanes .shot").first.focus()
    page.keyboard.press("ArrowRight")
    assert "place 2" in focused(page)
    page.keyboard.press("ArrowDown")
    assert "place 7" in focused(page)  # five in a row at this width
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    sheet = page.get_by_role("dialog")
    expect(sheet).to_be_visible()
    title = sheet.get_by_role("heading", level=2).inner_text()
    page.keyboard.press("ArrowRight")
    expect(sheet.get_by_role("heading", level=2)).not_to_have_text(title)
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    assert "place 2" in focused(page)  # back where it was opened


def test_on_a_phone_nothing_is_wider_than_the_screen(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(
        serve()[1], viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True, reduced_motion="reduce"
    )
    fits = "document.documentElement.scrollWidth <= innerWidth"
    assert page.evaluate(fits)
    ask(page, "a mug")
    reranked(page)
    assert page.evaluate(fits)
    first, second = (page.locator("#lanes .card").nth(n).bounding_box() for n in (0, 1))
    assert first and second and first["y"] == second["y"]  # two in a row
    page.locator("#lanes .shot").first.tap()
    box = page.get_by_role("dialog").bounding_box()
    assert box and box["width"] == 360
    page.get_by_role("button", name="Close").tap()
    page.get_by_role("button", name="Catalog").tap()
    expect(page.locator("#products .card")).to_have_count(20)
    assert page.evaluate(fits)


def test_who_asks_for_stillness_sees_no_motion(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve()[1], reduced_motion="reduce")
    ask(page, "a mug")
    reranked(page)
    assert page.evaluate("document.getAnimations().length") == 0


def test_the_page_is_light(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve()[1])
    expect(page.locator(".examples li")).not_to_have_count(0)
    assert page.evaluate(WEIGHT) < 180_000


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(serve: Serve, open_page: OpenPage, scheme: str) -> None:
    page = open_page(serve()[1], color_scheme=scheme, reduced_motion="reduce")
    expect(page.locator(".examples li")).not_to_have_count(0)
    found = serious(page, "start")
    ask(page, "a mug")
    reranked(page)
    page.get_by_label("Compare two configurations").check()
    expect(page.locator("#agreement")).to_be_visible()
    found += serious(page, "results")
    page.locator("#lanes .shot").first.click()
    found += serious(page, "sheet")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Catalog").click()
    expect(page.locator("#products .card")).to_have_count(20)
    found += serious(page, "catalogue")
    page.get_by_role("button", name="Add products").click()
    page.get_by_label("Images of new products").set_input_files("starter/queries/rose.webp")
    found += serious(page, "add")
    assert found == []


def serious(page: Page, where: str) -> list[str]:
    """What axe-core calls serious or critical."""
    violations = Axe().run(page).response["violations"]
    grave = [one for one in violations if one["impact"] in ("serious", "critical")]
    return [f"{where}: {one['id']} at {[node['target'] for node in one['nodes']]}" for one in grave]
