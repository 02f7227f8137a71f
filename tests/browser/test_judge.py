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
from service.lab.judging.judges import Judge
from service.lab.judging.notes import Note, read_notes
from service.lab.judging.pool import pooled
from service.lab.judging.record import JudgmentRecord
from service.lab.judging.scale import Point
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


def test_notes_guidelines_an_own_scale_and_suggestions(open_page: OpenPage, tmp_path: Path) -> None:
    write_set(tmp_path / "set")
    write_run(tmp_path / "a.run", run({"q0": ["d1", "d2"]}))
    pairs = pooled(load_dataset("jsonl", tmp_path / "set"), [tmp_path / "a.run"])
    said = Note(query=pairs[0].ids[0], document=pairs[0].ids[1], grade=5, note="<b>Both</b> fit.", model="tiny")
    with JudgmentRecord(tmp_path / "anna.qrels") as record:
        session = Session(
            "Two pairs",
            pairs,
            record,
            judge="anna",
            scale=(Point(0, "No", ""), Point(5, "Yes", "That is it.")),
            guidelines="Look twice.",
            suggesting=Judge("vlm", {said.ids: 5}, {said.ids: said}),
        )
        with live_app(lambda port: create_judging_app(session, port=port)) as url:
            page = open_page(url)
            suggestion, ready = page.locator("#suggestion"), page.locator("main[aria-busy=false]")
            expect(suggestion).to_contain_text("Suggested by vlm (a model, tiny): 5 – <b>Both</b> fit.")
            expect(page.locator("[data-suggested]")).to_contain_text("Yes")
            expect(page.locator("#name")).to_contain_text("anna")
            page.locator("summary").click()
            expect(page.locator("#guidelines-text")).to_have_text("Look twice.")
            assert [found["id"] for found in Axe().run(page).response["violations"]] == []
            page.keyboard.press("c")
            page.keyboard.type("no 5")  # letters and digits are text in a note
            for key in ("Escape", "ArrowRight", "ArrowLeft"):  # a note without a grade waits for one
                expect(ready).to_be_visible()
                page.keyboard.press(key)
            expect(page.locator("#note")).to_have_value("no 5")
            expect(ready).to_be_visible()
            page.locator("#grades button").first.click()
            expect(page.locator("#progress")).to_contain_text("1 of 2 pairs")
            expect(suggestion).to_be_hidden()
            expect(ready).to_be_visible()
            page.keyboard.press("ArrowLeft")
            expect(page.locator("#note")).to_have_value("no 5")
            page.locator("#note").fill("yes, 5")  # the click that leaves the note grades, too
            page.locator("#grades button").last.click()
            expect(page.locator("#progress")).to_contain_text("This is pair 2")
            expect(ready).to_be_visible()
            page.keyboard.press("ArrowLeft")
            expect(page.locator("[aria-pressed=true]")).to_contain_text("Yes")
    kept = read_notes(tmp_path / "anna.qrels")[pairs[0].ids]
    assert (kept.grade, kept.note, kept.seen) == (5, "yes, 5", "vlm")


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
    assert page.locator("#query-image").evaluate("image => image.naturalWidth") > 0
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
