"""The other two views: browsing the catalog, and adding to it."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import FilePayload, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.test_search import reranked, titles
from tests.fakes import Shop, png

Serve = Callable[..., tuple[Shop, str]]


def add(page: Page, *files: FilePayload) -> None:
    page.get_by_label("Images of new products").set_input_files(list(files))


def image_file(name: str, colour: str) -> FilePayload:
    return FilePayload(name=name, mimeType="image/png", buffer=png(colour, (32, 32)))


def test_the_catalog_comes_in_pages_and_can_be_filtered(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(f"{serve(products=60)[1]}/?view=catalogue")
    cards = page.locator("#products .card")
    expect(cards).to_have_count(48)
    page.get_by_role("button", name="Show more").click()
    expect(cards).to_have_count(60)
    expect(page.get_by_role("button", name="Show more")).to_be_hidden()
    page.get_by_role("group", name="Catalog filters").get_by_label("Category").select_option("cap")
    expect(cards).to_have_count(30)
    expect(page.get_by_text("30 products shown")).to_be_visible()


def test_a_product_of_the_catalog_opens_where_it_is(serve: Serve, open_page: OpenPage) -> None:
    url = serve()[1]
    page = open_page(f"{url}/?q=a+mug")
    reranked(page)
    page.get_by_role("button", name="Catalog").click()
    shots = page.locator("#products .shot")
    title = page.locator("#products h3").nth(1).inner_text()
    shots.nth(1).focus()
    page.keyboard.press("Enter")
    sheet = page.get_by_role("dialog")
    expect(sheet.get_by_role("heading", level=2)).to_have_text(title)
    expect(sheet).to_contain_text("category")
    expect(sheet).not_to_contain_text("Scores")  # nothing was searched
    page.keyboard.press("ArrowRight")
    expect(sheet.get_by_role("heading", level=2)).not_to_have_text(title)
    page.keyboard.press("Escape")
    expect(shots.nth(1)).to_be_focused()
    expect(page.locator("#view-catalogue")).to_be_visible()
    page.get_by_role("button", name=f"Like {title}, but…", exact=True).click()
    expect(page.get_by_label("What are you looking for?")).to_be_focused()
    expect(page.get_by_text(f"Like “{title}”, but…")).to_be_visible()
    expect(titles(page)).to_have_count(0)  # those were of the query before


def test_products_are_added_with_their_images(serve: Serve, open_page: OpenPage) -> None:
    shop, url = serve()
    page = open_page(f"{url}/?view=add")
    add(page, image_file("red-cap.png", "red"), image_file("blue_mug.png", "blue"))
    assert page.locator(".row").get_by_label("title").first.input_value() == "Red cap"
    first = page.locator(".row").first
    first.get_by_label("category").fill("cap")
    first.get_by_label("price").fill("12.5")
    page.get_by_role("button", name="Add 2 products to the catalog").click()
    expect(page.get_by_text("2 of 2 stored.")).to_be_visible()
    expect(page.get_by_text("Added", exact=True)).to_have_count(2)
    (row,) = shop.store.get("red-cap")
    assert (row.product.title, row.product.category, row.product.price) == ("Red cap", "cap", 12.5)
    assert shop.store.get("blue_mug")


def test_a_bad_image_stops_nobody_else(serve: Serve, open_page: OpenPage) -> None:
    shop, url = serve()
    page = open_page(f"{url}/?view=add")
    broken = FilePayload(name="broken.png", mimeType="image/png", buffer=b"just words")
    add(page, broken, image_file("mug.png", "green"))
    page.get_by_role("button", name="Add 2 products to the catalog").click()
    expect(page.get_by_text("1 of 2 stored.")).to_be_visible()
    expect(page.get_by_text("This file is not an image.")).to_be_visible()
    assert shop.store.get("mug") and not shop.store.get("broken")
    expect(page.get_by_role("button", name="Add 1 product to the catalog")).to_be_visible()
