"""Estimates of orders that were not shown: right where the log can know, and with a warning where it cannot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks.click_users import Shop, ranked, read, simulate, write
from service.cli import app
from service.lab.clicks import counterfactual
from service.lab.clicks.counterfactual import Estimator
from service.lab.clicks.other_order import run_order, sides
from service.lab.clicks.trust import UNTOLD, doubts, general_doubts
from service.lab.judged import RankedList, Run
from service.lab.trec import write_run
from tests.unit.service.lab.clicks.click_rows import Row, event, log_of, search

SEARCHES = 2_400


@pytest.fixture(scope="module")
def shop() -> Shop:
    """Ten queries of nine products, all of which are shown."""
    return Shop.drawn(10, np.random.default_rng(5), products=9)


@pytest.fixture(scope="module")
def estimator(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Estimator:
    """Of users who look at each position with a probability of its own."""
    folder = tmp_path_factory.mktemp("log")
    write(folder, simulate(shop, SEARCHES, "position", np.random.default_rng(8), uneven=True))
    return Estimator(read(folder, with_drafts=True).first_pages())


def run_of(shop: Shop, estimator: Estimator, name: str) -> Run:
    """The order of a ranker."""
    return ranked(shop, estimator.log.queries, name)


def test_an_order_that_was_never_shown_is_estimated(shop: Shop, estimator: Estimator) -> None:
    orders = [run_order(estimator.log, run_of(shop, estimator, name), name) for name in "ABC"]
    found = estimator.estimate(orders, resamples=60)
    for one in found:
        truth = shop.expected(one.name, "position")
        assert one.snips.low < truth < one.snips.high and abs(one.snips.value - truth) < 0.12
        assert one.ips.value == pytest.approx(one.snips.value, rel=0.05) and one.covered == 1
        assert not list(doubts(one, SEARCHES))
    worst = run_order(estimator.log, _reversed(run_of(shop, estimator, "C")), "worst")
    assert estimator.estimate([worst], resamples=60)[0].difference.high < 0


def test_a_draw_far_off_costs_no_estimate_its_sense() -> None:
    """A rank that hardly anybody of one resample looked at makes that draw many times as large."""
    found = np.array([[2.0, 2.0, 2.0, 1.5]])
    drawn = found * np.r_[np.linspace(0.9, 1.1, 97), 30.0, 40.0, 50.0][:, None, None]
    corrected, reflected = counterfactual._reflected(found, drawn)
    assert 1.5 < corrected[0, 2] < 2 and (reflected[..., :3] > 0).all()
    assert corrected[0, 3] == pytest.approx(0.25 * corrected[0, 2])
    nothing = np.zeros((1, 4))
    assert np.allclose(counterfactual._reflected(nothing, np.zeros((9, 1, 4)))[1], 0, atol=1e-6)


def test_the_sides_of_a_comparison_are_estimated_from_its_drafts(
    shop: Shop, estimator: Estimator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counterfactual, "ENOUGH_CLICKS", 500)
    drafted = Estimator(estimator.log)
    assert drafted.by_chance and not estimator.by_chance
    a, b = sides(drafted.log, drafted.drafted)
    found = drafted.estimate([a, b], against=a, resamples=60)
    for one in found:
        assert one.snips.low < shop.expected(one.name, "position") < one.snips.high
    assert found[0].difference.value == found[0].difference.high == 0
    true = shop.expected("B", "position") - shop.expected("A", "position")
    assert abs(found[1].difference.value - true) < 0.1
    assert found[1].difference.value == pytest.approx(found[1].snips.value - found[0].snips.value)


def test_what_was_never_shown_is_said(shop: Shop, estimator: Estimator) -> None:
    run = run_of(shop, estimator, "A")
    unseen = {query: RankedList(("new", *order.documents[1:])) for query, order in run.rankings.items()}
    (found,) = estimator.estimate([run_order(estimator.log, Run("new", unseen), "new")], resamples=50)
    assert found.covered < 0.8 and any("never shown" in text for text in doubts(found, SEARCHES))
    assert found.ips.value < found.snips.value


def test_a_few_clicks_are_said_to_be_few(tmp_path: Path) -> None:
    rows: list[Row | str] = [search(number, "xy", session=f"u{number}") for number in range(40)]
    rows += [event(number, "x") for number in range(9)]
    log_of(tmp_path, rows)
    estimator = Estimator(read(tmp_path, with_drafts=True).first_pages())
    query = estimator.log.queries[0].id
    (found,) = estimator.estimate([run_order(estimator.log, _run(query, "yx"), "yx")], resamples=50)
    assert any("9 effective clicks" in text for text in doubts(found, 400))
    assert any("40 of 400 searches" in text for text in doubts(found, 400))
    assert UNTOLD in list(general_doubts(estimator, {}))
    assert list(general_doubts(estimator, {"cascade": 1.1, "position": 1.2}))[1].startswith("These users read")


def test_what_rules_have_moved_is_no_draft(tmp_path: Path) -> None:
    rows: list[Row | str] = [search(1, "wxyz", a="wxyz", b="xwyz", teams="ABAB")]
    rows += [search(2, "zwxy", a="wxyz", b="xwyz", teams="ABAB"), event(1, "w"), event(2, "w")]
    log_of(tmp_path, rows)
    estimator = Estimator(read(tmp_path, with_drafts=True).first_pages())
    assert estimator.drafted.tolist() == [True, False]


def test_the_command_estimates_runs_and_sides(shop: Shop, tmp_path: Path) -> None:
    write(tmp_path, simulate(shop, 300, "position", np.random.default_rng(7)))
    log = read(tmp_path)
    write_run(tmp_path / "c.run", ranked(shop, log.queries, "C"))
    found = _command(tmp_path, tmp_path / "c.run", "--event", "click", "--json")
    (one,) = json.loads(found.stdout)["orders"]
    assert one["name"] == "c" and one["clipped"]["value"] == pytest.approx(one["ips"]["value"], rel=0.1)
    assert [one["name"] for one in json.loads(_command(tmp_path, "--json").stdout)["orders"]] == ["A", "B"]
    shown = " ".join(_command(tmp_path).stdout.split())  # where lines break depends on the numbers
    assert "of SNIPS, to A" in shown and "from all searches" in shown
    write_run(tmp_path / "other.run", _run("unknown", "xy"))
    with pytest.raises(Exception, match="no query of this log"):
        _command(tmp_path, tmp_path / "other.run")


def test_a_log_without_drafts_needs_a_run(tmp_path: Path) -> None:
    log_of(tmp_path, [search(1, "xy"), event(1, "x")])
    with pytest.raises(Exception, match="Give runs"):
        _command(tmp_path)


def _command(folder: Path, *words: object) -> Any:
    given = ["clicks", "estimate", str(folder), *map(str, words), "--resamples", "50"]
    found = CliRunner(env={"COLUMNS": "200"}).invoke(app, given, catch_exceptions=False)
    assert found.exit_code == 0, found.stderr
    return found


def _run(query: str, products: str) -> Run:
    return Run("run", {query: RankedList(tuple(products))})


def _reversed(run: Run) -> Run:
    return Run("worst", {query: RankedList(order.documents[::-1]) for query, order in run.rankings.items()})
