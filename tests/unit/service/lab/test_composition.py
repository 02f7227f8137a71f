"""Composed queries asked by text alone, image alone and both: what composition adds, and which queries need it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from service.lab.composition import KIND, LEFT, SOLVED, measure_composition, tagged
from service.lab.judged import DataSet, LabQuery, Run
from service.lab.measures import evaluate
from service.lab.publish import numbers, publish_runs
from service.lab.report import render_report
from service.lab.summary import summarize
from service.lab.trec import read_run
from tests.unit.service.lab.bench_fakes import EXPERIMENT, QUERIES, Counting, prepared, run, without
from tests.unit.service.lab.sets import run as run_of

MEASURES = ["RR(rel=2)", "Success(rel=2)@1"]


def test_the_gap_is_what_both_reach_beyond_the_better_one(tmp_path: Path) -> None:
    """By hand: text finds q0 alone, the image q1 alone, both find q0, q1 and q2; q3 has no image, so it is no part."""
    experiment, data = prepared(tmp_path / "set")
    judgments = {f"q{n}": {f"d{n}": 3, "d9": 1} for n in range(4)}  # d9 is related, and no solution
    queries: dict[str, LabQuery] = {f"q{n}": data.queries[f"q{n}"] for n in range(3)} | {"q3": LabQuery("q3", "a mug")}
    four = replace(data, queries=queries, judgments=judgments)
    right = {"text": {"q0"}, "image": {"q1"}, "both": {"q0", "q1", "q2"}}
    asked: list[DataSet] = []

    def ask(configuration: object, variant: DataSet) -> Run:
        asked.append(variant)
        part = ("text", "image", "both")[len(asked) - 1]
        return run_of({id: [f"d{id[1]}"] if id in right[part] else ["d9", f"d{id[1]}"] for id in variant.queries})

    found = measure_composition(four, experiment.configurations[1], MEASURES, ask)
    assert found is not None and list(asked[0].queries) == ["q0", "q1", "q2"]
    assert all(query.image is None and query.text for query in asked[0].queries.values())
    assert all(query.text is None and query.image for query in asked[1].queries.values())
    assert found.gap("Success(rel=2)@1", 1).mean == pytest.approx(1 - 1 / 3)
    assert found.estimate("text", "RR(rel=2)", 1).mean == pytest.approx((1 + 0.5 + 0.5) / 3)
    assert found.solved == {"q0", "q1"} and found.share_solved == pytest.approx(2 / 3)
    assert list(found.runs) == ["text", "image", "both"] and found.runs["text"].rankings.keys() == {"q0", "q1", "q2"}
    tags = {
        id: {tag for tag in query.tags if tag.startswith(KIND)} for id, query in tagged(four, found).queries.items()
    }
    assert tags == {
        "q0": {f"{KIND}:{SOLVED}"},
        "q1": {f"{KIND}:{SOLVED}"},
        "q2": {f"{KIND}:{LEFT}"},
        "q3": set(),
    }


def test_the_better_one_is_the_lower_one_where_less_is_better(tmp_path: Path) -> None:
    experiment, data = prepared(tmp_path / "set")
    two = replace(data, queries={"q0": data.queries["q0"]}, judgments={"q0": {"d0": 1, "d1": -1, "d2": -1}})
    found = iter((["d1", "d2"], ["d1", "d3"], ["d0", "d3"]))  # text, image, both
    asked = measure_composition(two, experiment.configurations[0], ["NegR@2"], lambda *_: run_of({"q0": next(found)}))
    assert asked is not None and asked.gap("NegR@2", 1).mean == pytest.approx(-0.5)


def test_an_experiment_reports_it_without_a_further_call_of_the_model(tmp_path: Path) -> None:
    text = EXPERIMENT.replace("composition: false", "composition: true")
    experiment, data = prepared(tmp_path / "set", text)
    counting = Counting()
    results = run(without(experiment, lambda name: name in ("listwise", "half")), data, tmp_path / "out", counting)
    assert counting.rank_calls == QUERIES and results.composition is not None
    summaries = summarize(results)
    found = numbers(results, summaries)["composition"]
    assert found["both"]["nDCG@5"]["mean"] == pytest.approx(summaries[0].retrieval.mean("nDCG@5"))
    single = max(found["text"]["nDCG@5"]["mean"], found["image"]["nDCG@5"]["mean"])
    assert found["gap"]["nDCG@5"]["mean"] == pytest.approx(found["both"]["nDCG@5"]["mean"] - single)
    slices = numbers(results, summaries)["configurations"][1]["slices"][KIND]
    assert sum(each["size"] for each in slices.values()) == QUERIES
    assert "Was composition needed?" in render_report(results, summaries) and json.dumps(found)
    publish_runs(results, tmp_path / "published")
    runs = {path.stem: read_run(path) for path in (tmp_path / "published" / "runs" / "composition").iterdir()}
    assert runs.keys() == {"text", "image", "both"} and evaluate(data, runs["text"], ["nDCG@5"]).mean(
        "nDCG@5"
    ) == pytest.approx(found["text"]["nDCG@5"]["mean"])
    again = Counting()
    assert run(results.experiment, data, tmp_path / "out", again).composition == results.composition
    assert len(again.encoder.seen) == 0 and not again.engine.asked


def test_queries_that_nobody_composed_or_judged_have_none(tmp_path: Path) -> None:
    text = EXPERIMENT.replace("composition: false\n", "")
    experiment, data = prepared(tmp_path / "set", text)
    retrieval = without(experiment, lambda name: name == "retrieval")
    worded = replace(data, queries={id: replace(query, image=None) for id, query in data.queries.items()})
    assert run(retrieval, worded, tmp_path / "out", Counting()).composition is None
    unjudged = replace(data, judgments=None)
    assert run(retrieval, unjudged, tmp_path / "other", Counting()).composition is None
