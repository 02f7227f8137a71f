"""A chaos run would see what it looks for: lost, torn and doubled products, answers that are not declared, slowness."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from benchmarks.probe import Probe
from service.images.store.image_store import ImageStore
from tests.chaos.caller import Notes, Seen
from tests.chaos.faults import Happened
from tests.chaos.figures import KINDS, Run
from tests.chaos.ledger import Ledger, State, TornError, fields, images_of, state_of
from tests.chaos.service import Absence

ID = "chaos-0-0"


def stored(version: int, put: int) -> dict[str, Any]:
    """A product as the service shows it."""
    urls = [f"/v1/images/{ImageStore.key(data)}" for data in images_of(ID, put)]
    return {"id": ID, **fields(ID, State(version, put)), "image_url": urls[0], "image_urls": urls}


@pytest.fixture
def ledger() -> Ledger:
    """Version 4 was acknowledged, and then the answer to a change to version 5 was lost."""
    ledger = Ledger([ID])
    ledger.wrote(ID, State(4, 4))
    ledger.may_have_written(ID, ledger.patched(ID, 5))
    return ledger


@pytest.mark.parametrize("found", [stored(4, 4), stored(5, 4)])
def test_a_write_without_an_answer_may_be_there_or_not(ledger: Ledger, found: dict[str, Any]) -> None:
    ledger.reads(ID, found)
    assert (ledger.lost, ledger.torn) == ([], [])
    assert ledger.possible[ID] == {state_of(found)}


@pytest.mark.parametrize("found", [None, stored(3, 3), stored(5, 5), stored(6, 4)])
def test_an_acknowledged_write_that_is_not_there_is_lost(ledger: Ledger, found: dict[str, Any] | None) -> None:
    ledger.reads(ID, found)
    assert len(ledger.lost) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"price": 3.5},
        {"title": f"{ID} version 3"},
        {"attributes": {}},
        {"image_urls": stored(5, 5)["image_urls"]},
        {"image_urls": stored(4, 4)["image_urls"] * 2},
        {"image_url": stored(5, 5)["image_url"]},
    ],
)
def test_a_product_of_two_writes_is_torn(ledger: Ledger, change: dict[str, Any]) -> None:
    with pytest.raises(TornError):
        state_of(stored(4, 4) | change)
    ledger.reads(ID, stored(4, 4) | change)
    assert len(ledger.torn) == 1


def seen(kind: str, ended: float, status: int | None = 200, problem: str = "", *, good: bool = True) -> Seen:
    return Seen(kind, "POST /v1/search", ended - 0.1, ended, status, problem, good)


def steady(*, gap_ends: float) -> Run:
    """Ten good answers of each kind a second for 60 s, but none from a fault at 20 s until `gap_ends`."""
    answers = [seen(kind, step / 10) for step in range(600) for kind in KINDS if not 20 <= step / 10 < gap_ends]
    run = Run(0.0, 20.0, Notes(answers), declared={"POST /v1/search": {200, 429, 503}})
    run.faults = [Happened("fault", 20.0, 22.0)]
    run.probes = [Probe(float(second), 0.01, 200, 0.0) for second in range(60)]
    return run


def test_full_speed_in_time_is_fine() -> None:
    run = steady(gap_ends=24.0)
    assert run.faults_found() == [] and 0 < (run.back_after(run.faults[0]) or 0) < 3
    assert run.report().sheets


def test_slowness_is_found() -> None:
    assert len(steady(gap_ends=40.0).faults_found()) == 1
    assert len(steady(gap_ends=60.0).faults_found()) == 1, "never"
    run = steady(gap_ends=24.0)
    run.probes[30] = replace(run.probes[30], seconds=1.1)
    assert len(run.faults_found()) == 1
    run.absences = [Absence(29.0, 31.5)]
    assert run.faults_found() == [], "there was no service that could have answered"


@pytest.mark.parametrize(
    "answer",
    [
        seen("search", 30.0, 500, "internal-fault"),
        seen("search", 30.0, 503, "no problem document"),
        seen("search", 30.0, 400, "invalid-value"),
        seen("search", 30.0, 404, "unknown-product"),
    ],
)
def test_an_answer_that_is_not_declared_is_found(answer: Seen) -> None:
    run = steady(gap_ends=24.0)
    run.notes.seen.append(answer)
    assert len(run.faults_found()) == 1


def test_what_was_seen_is_found() -> None:
    run = steady(gap_ends=24.0)
    ledger = Ledger([ID])
    ledger.wrote(ID, State(1, 1))
    ledger.reads(ID, None)
    run.ledgers, run.damaged, run.polite_exits = [ledger], ["image"], [0, -15]
    run.notes.doubled.append("twice")
    assert len(run.faults_found()) == 4
