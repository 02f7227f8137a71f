"""What the page says when something is wrong: plain words, and what to do."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable
from hashlib import sha256

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Page, expect

from rerank.degraded import Degraded
from rerank.ranking import Fault, Ranking
from service.errors import ForeignRequest
from tests.browser.conftest import OpenPage
from tests.browser.test_search import ask, reranked, titles
from tests.fakes import Shop, png

Serve = Callable[..., tuple[Shop, str]]


def choose(page: Page, name: str, kind: str, data: bytes) -> None:
    page.get_by_label("Query image").set_input_files(FilePayload(name=name, mimeType=kind, buffer=data))


def test_a_failed_reranker_degrades_the_answer_and_says_so(serve: Serve, open_page: OpenPage) -> None:
    shop, url = serve()
    shop.strategy.raises = RuntimeError("broken")
    page = open_page(url)
    ask(page, "a mug")
    expect(page.get_by_text("The reranker failed, so these results are in retrieval order.")).to_be_visible()
    expect(titles(page)).to_have_count(9)
    page.get_by_role("button", name="Why this order?").click()
    expect(page.get_by_role("dialog")).to_contain_text("backend_error")


def test_an_image_with_too_many_bytes_is_not_even_sent(serve: Serve, open_page: OpenPage) -> None:
    shop, url = serve(max_image_bytes=2048)
    page = open_page(url)
    expect(page.locator("#limit option")).not_to_have_count(0)
    page.wait_for_load_state("networkidle")
    noise = np.random.default_rng(7).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    choose(page, "large.png", "image/png", buffer.getvalue())
    expect(page.get_by_role("alert")).to_contain_text("The image is too large")
    assert shop.encoder.seen == []


def test_an_image_with_too_many_pixels_is_refused_in_plain_words(serve: Serve, open_page: OpenPage) -> None:
    _, url = serve(max_image_pixels=1000)
    page = open_page(url)
    choose(page, "wide.png", "image/png", png(size=(100, 100)))
    ask(page, "a mug with this")
    expect(page.get_by_role("alert")).to_contain_text("The image is too large. Reduce it and try again.")


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("notes.txt", "text/plain", "Only JPEG, PNG and WebP images can be used."),
        ("renamed.png", "image/png", "This file is not an image."),
    ],
)
def test_what_is_no_image(serve: Serve, open_page: OpenPage, name: str, kind: str, words: str) -> None:
    page = open_page(serve()[1])
    choose(page, name, kind, b"just words")
    ask(page, "a mug with this")
    if kind == "image/png":
        expect(page.get_by_role("alert")).to_contain_text(words)
    else:
        expect(titles(page)).to_have_count(9)  # searched without it


def test_nothing_asked_for(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve()[1])
    ask(page, " ")
    expect(page.get_by_role("alert")).to_contain_text("Type a sentence, choose an image, or both.")


def test_a_busy_service_is_tried_again(serve: Serve, open_page: OpenPage) -> None:
    shop, url = serve(search_concurrency=1, search_queue=0, retry_after_s=1)
    shop.encoder.block = threading.Event()
    first, second = open_page(url), open_page(url)
    ask(first, "a mug")
    while not shop.encoder.seen:
        first.wait_for_timeout(10)
    ask(second, "a cap")
    expect(second.get_by_role("alert")).to_contain_text("The service is busy. Trying again in 1 s.")
    shop.encoder.block.set()
    reranked(second)


def test_a_service_with_keys_asks_for_one(serve: Serve, open_page: OpenPage) -> None:
    keys = [{"name": "shop", "sha256": sha256(b"secret").hexdigest(), "scopes": ["search"]}]
    _, url = serve(api_keys=keys)
    page = open_page(url)
    page.get_by_label("Key", exact=True).fill("secret")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_hidden()
    ask(page, "a mug")
    reranked(page)
    expect(page.locator("#lanes .shot img").first).to_have_js_property("naturalWidth", 24)  # fetched with the key
    assert page.evaluate("JSON.stringify(localStorage)").find("secret") == -1
    assert page.evaluate("sessionStorage.getItem('withthis.key')") == '"secret"'


def test_a_page_under_a_foreign_name_says_what_to_do(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve()[1])
    page.route(
        "**/v1/search/stream",
        lambda route: route.fulfill(
            status=403, content_type="application/problem+json", body=json.dumps(ForeignRequest().problem())
        ),
    )
    ask(page, "a mug")
    expect(page.get_by_role("alert")).to_contain_text("have the name added to WITHTHIS_ALLOWED_HOSTS")
    expect(page.locator("[aria-busy]")).to_have_count(0)


def test_every_reason_for_retrieval_order_has_words(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve()[1])
    words = page.evaluate(
        "async (all) => all.map((await import('/static/js/problem.js')).degradedWords)",
        [str(reason) for reason in Degraded],
    )
    assert len(set(words)) == len(Degraded)
    assert all(text.startswith("The reranker") for text in words)


def test_no_reason_and_no_caption_leave_nothing_behind(serve: Serve, open_page: OpenPage) -> None:
    shop, url = serve()
    shop.strategy.behave = lambda n: Ranking(tuple(range(n)), Fault.OK, (), None, None)
    page = open_page(url)
    ask(page, "a mug")
    reranked(page)
    page.get_by_role("button", name="Why this order?").click()
    sheet = page.get_by_role("dialog")
    expect(sheet).to_contain_text("Every product exactly once")
    expect(sheet).not_to_contain_text("reason")
    expect(sheet).not_to_contain_text("image shows")
    expect(sheet).not_to_contain_text("null")


def test_a_reason_and_a_caption_are_called_what_they_are(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(f"{serve()[1]}/?q=a+mug&product=p3")
    reranked(page)
    page.get_by_role("button", name="Why this order?").click()
    sheet = page.get_by_role("dialog")
    expect(sheet.get_by_role("figure")).to_contain_text("The model's reason for this order:")
    expect(sheet.locator("blockquote")).to_have_text("the last one shows it best")
    expect(sheet).to_contain_text("the model says the image shows")
