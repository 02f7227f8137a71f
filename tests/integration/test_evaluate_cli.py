"""`withthis evaluate` as it is typed, with models that cost nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from service.build import ENCODERS, ENGINES
from service.cli import app
from service.cli import experiments as experiments_module
from service.errors import InvalidInput
from service.lab import submissions as submissions_module
from service.lab.datasets import load_dataset
from service.lab.lab_errors import DataSetError, ExperimentError, JudgmentsMissing
from tests.unit.service.lab.bench_fakes import EXPERIMENT, QUERIES, Counting, write_set


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Counting:
    """The bundled models are fakes, and the folder is empty but for an experiment."""
    fakes = Counting()
    monkeypatch.setitem(ENCODERS, "starter", replace(ENCODERS["starter"], load=lambda _: fakes.encoder))
    monkeypatch.setitem(ENGINES, "starter", lambda _: fakes.engine)
    monkeypatch.chdir(tmp_path)
    write_set(tmp_path / "set")
    (tmp_path / "set" / "experiment.yaml").write_text(EXPERIMENT)
    return fakes


def evaluate(*words: str) -> Any:
    return CliRunner().invoke(app, ["evaluate", *words], catch_exceptions=False)


def test_an_experiment_prints_its_table_and_leaves_its_report(counting: Counting, tmp_path: Path) -> None:
    result = evaluate("set/experiment.yaml", "--out", "out")
    assert result.exit_code == 0
    for expected in ("nDCG@5", "difference", "win/tie/loss", "p95", "faults", "listwise", "single"):
        assert expected in result.stdout
    assert (tmp_path / "out" / "report.html").exists()
    asked = len(counting.engine.asked)
    again = evaluate("set/experiment.yaml", "--out", "out", "--json")
    assert len(counting.engine.asked) == asked
    numbers = json.loads(again.stdout)
    assert numbers["data"]["queries"] == QUERIES
    assert json.loads((tmp_path / "out" / "results.json").read_text()) == numbers


def test_options_go_before_the_file(counting: Counting) -> None:
    result = evaluate("set/experiment.yaml", "--queries", "3", "--seed", "5", "--json")
    numbers = json.loads(result.stdout)
    assert (numbers["data"]["queries"], numbers["seed"]) == (3, 5)
    assert Path(".withthis/evaluate/experiment/report.html").exists()


def test_a_split_without_public_judgments_makes_submissions(
    counting: Counting, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    known = load_dataset("jsonl", "set")
    numbered = {str(number): replace(one, id=str(number)) for number, one in enumerate(known.documents.values())}
    protocol = replace(known.protocol, submission="circo")
    closed = replace(known, documents=numbered, judgments=None, protocol=protocol)
    monkeypatch.setattr(experiments_module, "load_dataset", lambda *_, **__: closed)
    monkeypatch.setattr(submissions_module, "_CIRCO_IDS", 10)
    with pytest.raises(JudgmentsMissing):
        evaluate("set/experiment.yaml", "--queries", "3")
    assert not counting.encoder.seen
    assert evaluate("set/experiment.yaml", "--out", "out").exit_code == 0
    files = sorted((tmp_path / "out" / "submissions").glob("*/circo.json"))
    assert len(files) == 5
    assert json.loads(files[0].read_text()).keys() == known.queries.keys()


def test_mistakes_are_told_before_any_work(counting: Counting, tmp_path: Path) -> None:
    for words in ((), ("set/experiment.yaml", "--demo")):
        with pytest.raises(InvalidInput, match="either"):
            evaluate(*words)
    path = tmp_path / "set" / "experiment.yaml"
    path.write_text(EXPERIMENT.replace("strategy: listwise, fusion_weight: 0.5", "fusion_weight: 5"))
    with pytest.raises(ExperimentError, match="line 9"):
        evaluate(str(path))
    path.write_text(EXPERIMENT)
    with (tmp_path / "set" / "judgments.jsonl").open("a") as file:
        file.write('{"query": "q99", "document": "d1", "grade": 1}\n')
    with pytest.raises(DataSetError, match="line 13"):
        evaluate(str(path))
    assert not counting.encoder.seen
