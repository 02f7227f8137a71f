"""Examples that make sense in this catalog, or none."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.stocks import Row, stock, varied
from tests.browser.test_search import reranked
from tests.integration.live import live

LIKE = "“something like this”"


@pytest.mark.parametrize(
    ("rows", "texts", "placeholder"),
    [
        (varied(60), ["“a mug with this”", *[LIKE] * 3, "“mug”", "“cap”"], "a mug with this"),
        (
            [{"category": "Food > Soyghurts"}] * 3 + [{"category": "Food > Rice & grains"}] * 2,
            [LIKE, LIKE, "“Soyghurts”", "“Rice & grains”"],
            "Say what you are looking for",
        ),
        ([{"category": "cat_17"}, {"category": "4711"}], [LIKE, LIKE], "Say what you are looking for"),
        ([{}], [], "Say what you are looking for"),
    ],
)
def test_examples_are_of_this_catalog(
    tmp_path: Path, open_page: OpenPage, rows: list[Row], texts: list[str], placeholder: str
) -> None:
    with live(stock(tmp_path, rows)) as url:
        page = open_page(url)
        page.wait_for_load_state("networkidle")
        expect(page.locator(".examples span")).to_have_text(texts)
        expect(page.get_by_placeholder(placeholder, exact=True)).to_be_visible()
        for text in texts[-1:]:
            page.locator(".examples button").last.click()
            reranked(page)
            assert page.get_by_label("What are you looking for?").input_value() == text.strip("“”")
