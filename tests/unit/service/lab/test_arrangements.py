"""Position bias of an experiment: the same candidates in several orders, each asked once, and told in all outputs."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from math import factorial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from rerank.errors import EngineError
from service.cli.evaluate_tables import show_summaries
from service.lab.arrangements import ArrangementRecord, arrangements
from service.lab.journal import Journal
from service.lab.lab_errors import ExperimentError
from service.lab.publish import numbers
from service.lab.report import render_report
from service.lab.summary import summarize
from tests.unit.service.lab.bench_fakes import EXPERIMENT, QUERIES, Counting, prepared, run, without

BIASED = EXPERIMENT.replace("k: 10", "k: 10\nposition_bias: {orders: 3, queries: 4}")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(), max_size=6, unique=True), st.integers(1, 30), st.text(max_size=3))
def test_arrangements_are_different_orders_and_the_first_is_the_given_one(
    items: list[int], count: int, seed: str
) -> None:
    found = arrangements(items, count, seed)
    assert found[0] == tuple(items)
    assert len(set(found)) == len(found) == min(count, factorial(len(items)))
    assert all(sorted(order) == sorted(items) for order in found)
    assert arrangements(items, count, seed) == found


def test_bias_is_measured_for_what_reranks_and_shown_everywhere(tmp_path: Path) -> None:
    counting = Counting()
    experiment, data = prepared(tmp_path / "set", BIASED)
    results = run(experiment, data, tmp_path / "out", counting)
    retrieval, listwise, half, none, single = results.answered
    assert not retrieval.rearranged
    for one in (listwise, half, none, single):
        outcomes = {outcome.query: outcome for outcome in one.outcomes}
        assert len(one.rearranged) == 4
        for query, answers in one.rearranged.items():
            outcome = outcomes[query]
            assert len(answers) == 3
            assert answers[0] == outcome.final[: outcome.reranked]
            assert {frozenset(answer) for answer in answers} == {frozenset(answers[0])}
    # Three weights share their calls, and the retrieval order was asked before.
    assert counting.rank_calls == QUERIES + 4 * 2
    assert len(counting.engine.scored) == QUERIES + 4 * 2
    summaries = summarize(results)
    assert summaries[0].bias is None
    assert summaries[1].bias is not None
    for summary in (summaries[1], summaries[4]):  # the fakes look at nothing but places
        assert summary.bias is not None and summary.bias.tau < 0.9 and summary.bias.displacement > 0.5
    assert summaries[3].bias is not None and (summaries[3].bias.tau, summaries[3].bias.first_changed) == (1.0, 0.0)
    told = json.loads(json.dumps(numbers(results, summaries)))["configurations"]
    assert told[0]["position_bias"] is None and told[1]["position_bias"]["queries"] == 4
    shown = StringIO()
    show_summaries(Console(file=shown, width=200), results, summaries)
    for text in (shown.getvalue(), render_report(results, summaries)):
        assert "position bias" in text.lower() and f"{summaries[1].bias.tau:.3f}" in text


def test_what_was_answered_is_not_asked_again(tmp_path: Path) -> None:
    experiment, data = prepared(tmp_path / "set", BIASED)
    experiment = without(experiment, lambda name: name == "listwise")
    stopped, resumed = Counting(), Counting()
    with pytest.raises(KeyboardInterrupt):
        run(experiment, data, tmp_path / "out", stopped, stop_in="listwise, 3 orders")
    again = run(experiment, data, tmp_path / "out", resumed)
    assert stopped.rank_calls + resumed.rank_calls == QUERIES + 4 * 2
    whole = run(experiment, data, tmp_path / "whole", Counting())
    assert again.answered[0].rearranged == whole.answered[0].rearranged
    idle = Counting()
    assert run(experiment, data, tmp_path / "out", idle).answered == again.answered
    assert not idle.engine.asked


def test_orders_without_an_answer_tell_nothing(tmp_path: Path) -> None:
    """A failed call is answered in the order shown: that would look like a reranker full of bias."""
    counting = Counting()
    counting.engine.answer = EngineError("broken")
    experiment, data = prepared(tmp_path / "set", BIASED)
    results = run(without(experiment, lambda name: name == "listwise"), data, tmp_path / "out", counting)
    assert set(results.answered[0].rearranged.values()) == {()}
    (summary,) = summarize(results)
    assert summary.bias is not None and summary.bias.queries == 0


def test_a_changed_plan_or_seed_is_measured_anew(tmp_path: Path) -> None:
    experiment, data = prepared(tmp_path / "set", BIASED)
    experiment = without(experiment, lambda name: name == "listwise")
    first = run(experiment, data, tmp_path / "out", Counting()).answered[0].rearranged
    other = run(replace(experiment, seed=8), data, tmp_path / "out", Counting()).answered[0].rearranged
    assert first != other


@pytest.mark.parametrize("wrong", ["{orders: 1}", "{queries: 0}", "{orders: 3, times: 2}", "yes"])
def test_a_plan_that_makes_no_sense_is_told_with_its_line(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(ExperimentError, match=r"line 6, position_bias"):
        prepared(tmp_path / "set", BIASED.replace("{orders: 3, queries: 4}", wrong))


@pytest.mark.parametrize("row", ['{"key": "a", "answers": [["x", 1]]}', '{"key": "a"}'])
def test_a_damaged_record_is_told(tmp_path: Path, row: str) -> None:
    (tmp_path / "rows.jsonl").write_text(f"{row}\n")
    with pytest.raises(ExperimentError, match=r"rows\.jsonl, line 1, is damaged"):
        ArrangementRecord(Journal(tmp_path / "rows.jsonl"))
