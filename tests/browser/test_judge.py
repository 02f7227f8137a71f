"""The judging page, driven by the keyboard alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from service.lab.datasets import load_dataset
from service.lab.judging.app import create_judging_app
from service.lab.judging.pool import pooled
from service.lab.judging.record import JudgmentRecord
from service.lab.judging.session import Session
from service.lab.trec import read_qrels, write_run
from tests.browser.conftest import OpenPage
from tests.integration.live import live_app
from tests.unit.service.lab.bench_fakes import write_set
from tests.unit.service.lab.sets import run


@pytest.fixture
def judging(tmp_path: Path) -> Iterator[SimpleNamespace]:
    """The page over three pairs; one title wants to be code."""
    write_set(tmp_path / "set", title="<img src=x onerror=alert(1)>")
    data = load_dataset("jsonl", tmp_path / "set")
    write_run(tmp_path / "a.run", run({"q0": ["d1", "d2"], "q1": ["d5"]}))
    path = tmp_path / "judged.qrels"
    with JudgmentRecord(path) as record:
        session = Session("Three pairs", pooled(data, [tmp_path / "a.run"]), record)
        with live_app(lambda port: create_judging_app(session, port=port)) as url:
            yield SimpleNamespace(url=url, path=path)


def test_a_sitting_by_keyboard(open_page: OpenPage, judging: SimpleNamespace) -> None:
    page = open_page(judging.url)
    progress, product = page.locator("#progress"), page.locator("#product-text")
    expect(progress).to_contain_text("0 of 3 pairs")
    expect(product).to_contain_text("<img src=x")

    def press(key: str) -> None:
        """A key counts once everything is there to be looked at."""
        expect(page.locator("main[aria-busy=false]")).to_be_visible()
        page.keyboard.press(key)

    expect(page.locator("main[aria-busy=false]")).to_be_visible()
    assert page.locator("#query-picture").evaluate("image => image.naturalWidth") > 0
    assert [found["id"] for found in Axe().run(page).response["violations"]] == []
    press("3")
    expect(progress).to_contain_text("1 of 3 pairs")
    press("7")  # no grade
    press("1")
    expect(progress).to_contain_text("2 of 3 pairs")
    press("u")
    expect(progress).to_contain_text("1 of 3 pairs")
    press("ArrowLeft")
    expect(page.locator("[aria-pressed=true]")).to_contain_text("Perfectly relevant")
    press("n")
    expect(progress).to_contain_text("This is pair 2")
    for done in (2, 3):
        press("0")
        expect(progress).to_contain_text(f"{done} of 3 pairs")
    expect(page.locator("#done")).to_be_visible()
    grades = [grade for each in read_qrels(judging.path).values() for grade in each.values()]
    assert sorted(grades) == [0, 0, 3]
    page.reload()
    expect(page.locator("#done")).to_be_visible()
