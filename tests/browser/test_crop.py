"""Which thing in this image: the crop tool, by pointer and by keys, and the weight of the words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.test_search import ask, reranked
from tests.fakes import Shop

Serve = Callable[..., tuple[Shop, str]]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """200 by 100 pixels, red on the left and blue on the right."""
    image = Image.new("RGB", (200, 100), "red")
    image.paste("blue", (100, 0, 200, 100))
    image.save(tmp_path / "query.png")
    return tmp_path / "query.png"


def asked_with(shop: Shop) -> Image.Image:
    """The image of the last query that the encoder saw."""
    image = shop.encoder.seen[-1].image
    assert image is not None
    return image


def share_asked(shop: Shop) -> float | None:
    """The weight of the words in the last query."""
    return shop.encoder.seen[-1].text_share


def open_with(open_page: OpenPage, url: str, photo: Path) -> Page:
    """A page with an answer to a query of a sentence and an image."""
    page = open_page(url)
    page.get_by_label("Query image").set_input_files(photo)
    ask(page, "a mug with this")
    reranked(page)
    return page


def searched(page: Page, act: Callable[[], object]) -> None:
    """Do what leads to a search, and wait for its answer."""
    with page.expect_response("**/v1/search/stream") as answer:
        act()
    assert answer.value.ok
    reranked(page)


def test_a_part_is_chosen_with_keys_alone(serve: Serve, open_page: OpenPage, photo: Path) -> None:
    shop, url = serve()
    page = open_with(open_page, url, photo)
    assert asked_with(shop).size == (200, 100)
    page.get_by_role("button", name="Crop: choose a part of the image").press("Enter")
    box = page.get_by_role("application", name="Part of the image")
    expect(box).to_be_focused()
    for key in ["ArrowLeft"] * 11 + ["ArrowUp"] * 11 + ["Shift+ArrowLeft"] * 5 + ["Shift+ArrowDown"] * 21:
        page.keyboard.press(key)
    status = page.get_by_role("dialog").get_by_role("status")
    expect(status).to_have_text("50 % wide and 100 % high, 0 % from the left and 0 % from the top.")
    searched(page, lambda: page.keyboard.press("Enter"))
    part = asked_with(shop)
    assert part.size == (100, 100) and part.getcolors() == [(10_000, (255, 0, 0))]
    chosen = page.get_by_role("button", name="Cropped: choose another part of the image")
    expect(chosen).to_be_focused()
    expect(page.get_by_role("img", name="Part of: Query image")).to_have_js_property("naturalWidth", 100)
    chosen.press("Enter")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    chosen.press("Enter")
    expect(status).to_contain_text("0 % from the left")
    page.get_by_role("button", name="Whole image").press("Enter")
    expect(status).to_have_text("The whole image.")
    searched(page, lambda: page.get_by_role("button", name="Use this part").press("Enter"))
    assert asked_with(shop).size == (200, 100)


def test_a_part_is_drawn_moved_and_resized_with_the_pointer(serve: Serve, open_page: OpenPage, photo: Path) -> None:
    shop, url = serve()
    page = open_with(open_page, url, photo)
    page.get_by_role("button", name="Crop: choose a part of the image").click()
    stage = page.locator("#crop-stage")
    expect(page.locator("#crop-image")).to_have_js_property("naturalWidth", 200)
    place = stage.bounding_box()
    assert place is not None
    status = page.get_by_role("dialog").get_by_role("status")

    def drag(start: tuple[float, float], end: tuple[float, float]) -> None:
        for number, (x, y) in enumerate((start, end)):
            page.mouse.move(place["x"] + x * place["width"], place["y"] + y * place["height"])
            (page.mouse.up if number else page.mouse.down)()

    drag((0.05, 0.1), (0.55, 0.6))
    expect(status).to_have_text("50 % wide and 50 % high, 5 % from the left and 10 % from the top.")
    drag((0.3, 0.3), (0.7, 0.7))
    expect(status).to_have_text("50 % wide and 50 % high, 45 % from the left and 50 % from the top.")
    drag((0.45, 0.5), (0.55, 0.3))
    expect(status).to_have_text("40 % wide and 70 % high, 55 % from the left and 30 % from the top.")
    drag((0.95, 0.95), (2.0, 0.8))
    expect(status).to_have_text("45 % wide and 50 % high, 55 % from the left and 30 % from the top.")
    searched(page, lambda: page.get_by_role("button", name="Use this part").click())
    assert asked_with(shop).getcolors() == [(90 * 50, (0, 0, 255))]


def test_a_link_holds_the_part_of_a_products_image(serve: Serve, open_page: OpenPage) -> None:
    shop, url = serve()
    page = open_page(f"{url}/?q=a+cap&product=p3&crop=0,0,0.5,1")
    reranked(page)
    assert asked_with(shop).size == (12, 16)
    page.get_by_role("button", name="Cropped: choose another part of the image").click()
    page.keyboard.press("ArrowRight")
    searched(page, lambda: page.keyboard.press("Enter"))
    expect(page).to_have_url(f"{url}/?q=a+cap&product=p3&crop=0.02%2C0%2C0.5%2C1&n=9")
    for broken in ("0,0,0.5", "0,0,2,1", "a,b,c,d", "0.6,0,0.6,1"):
        page.goto(f"{url}/?q=a+cap&product=p3&crop={broken}")
        reranked(page)
        assert asked_with(shop).size == (24, 16)


def test_the_crop_tool_is_accessible(serve: Serve, open_page: OpenPage, photo: Path) -> None:
    page = open_with(open_page, serve()[1], photo)
    page.get_by_role("button", name="Crop: choose a part of the image").click()
    found = Axe().run(page).response["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []


def test_the_weight_of_the_words_is_offered_where_the_encoder_takes_it(
    serve: Serve, open_page: OpenPage, photo: Path
) -> None:
    shop, url = serve()
    page = open_with(open_page, url, photo)
    slider = page.get_by_label("Weight of the words beside the image")
    expect(slider).to_be_hidden()
    shop.encoder.info = replace(shop.encoder.info, weighs_parts=True)
    page.goto(url)
    expect(slider).to_be_hidden()  # there is no image yet
    page.get_by_label("Query image").set_input_files(photo)
    expect(slider).to_be_visible()
    ask(page, "a mug with this")
    reranked(page)
    assert share_asked(shop) is None
    slider.focus()
    searched(page, lambda: page.keyboard.press("End"))
    assert share_asked(shop) == 1.0
    expect(slider).to_have_attribute("aria-valuetext", "100 % words, 0 % image")
    page.goto(f"{url}/?q=a+cap&product=p3&words=0.2")
    reranked(page)
    assert share_asked(shop) == pytest.approx(0.2)
    expect(slider).to_have_value("0.2")
