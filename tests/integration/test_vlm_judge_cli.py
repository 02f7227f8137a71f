"""`withthis judge --vlm` with a tiny random model of the true layout: it works, and nobody is led to trust it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rerank.engines.phi3_vision.engine import Phi3VisionEngine
from rerank.prompts import PromptLibrary
from service.build import ENGINES
from service.cli import app
from service.errors import InvalidInput
from service.lab.datasets import load_dataset
from service.lab.judging.judges import read_judge
from service.lab.judging.notes import Note, notes_path
from service.lab.judging.pool import pooled
from service.lab.judging.record import JudgmentRecord
from service.lab.lab_errors import ExperimentError, LabError
from service.lab.trec import read_qrels, write_run
from tests.parity.phi3_vision.golden_data import GOLDEN
from tests.unit.service.lab.bench_fakes import QUERIES, write_set
from tests.unit.service.lab.sets import run

EXPERIMENT = """
name: fakes
data: {kind: jsonl, path: ., judged: false}
configurations: [{name: retrieval, rerank_enabled: false}]
judging:
  model: {engine: phi3-vision}
  reasons: false
"""
JUDGE = ("judge", "experiment.yaml", "--out", "out", "--depth", "2", "--vlm")
PAIRS = 2 * QUERIES


@pytest.fixture(scope="module")
def engine() -> Phi3VisionEngine:
    """Random weights, loaded once."""
    return Phi3VisionEngine.load(GOLDEN, device="cpu", dtype="float32", num_crops=1)


def withthis(*words: str) -> Any:
    return CliRunner().invoke(app, words, catch_exceptions=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Phi3VisionEngine) -> Path:
    """A set with a run, and a person who has judged all of it."""
    monkeypatch.setitem(ENGINES, "phi3-vision", lambda _: engine)
    monkeypatch.chdir(tmp_path)
    write_set(tmp_path)
    (tmp_path / "experiment.yaml").write_text(EXPERIMENT)
    rankings = {f"q{query}": [f"d{query}", f"d{query + 1}"] for query in range(QUERIES)}
    write_run(tmp_path / "out" / "runs" / "a.run", run(rankings))
    pairs = pooled(load_dataset("jsonl", tmp_path), [tmp_path / "out" / "runs" / "a.run"])
    with JudgmentRecord(tmp_path / "out" / "judges" / "anna.qrels") as record:
        for number, pair in enumerate(pairs):
            record.judge(pair.ids, number % 4)
    return tmp_path


def test_a_random_model_judges_and_its_agreement_is_said_to_be_chance(folder: Path) -> None:
    said = withthis(*JUDGE)
    assert said.exit_code == 0
    assert f"{PAIRS} of {PAIRS} pairs are graded, {PAIRS} of them now" in said.stderr
    path = folder / "out" / "judges" / "vlm.qrels"
    record = read_judge(path)
    assert record.model is not None and record.model.startswith("phi3-vision:")
    assert len(record.grades) == PAIRS and set(record.grades.values()) <= {0, 1, 2, 3}
    path.unlink()  # the record is made of what is known
    assert f"{PAIRS} of {PAIRS} pairs are graded, 0 of them now" in withthis(*JUDGE).stderr
    assert read_judge(path).grades == record.grades
    (found,) = json.loads(withthis("agreement", "experiment.yaml", "--out", "out", "--json").stdout)["pairwise"]
    assert found["judges"] == ["anna", "vlm"] and abs(found["alpha"]["value"]) < 0.2
    assert found["in_words"][0].startswith("anna and vlm hardly agree more than by chance")
    assert "to stand alone" in found["in_words"][1]


def test_a_model_that_is_measured_is_not_an_impartial_judge(folder: Path) -> None:
    assert "may prefer its own results" not in withthis(*JUDGE).stderr
    ranked = "configurations: [{name: reranked, engine: phi3-vision, strategy: listwise}, {name: retrieval"
    (folder / "experiment.yaml").write_text(EXPERIMENT.replace("configurations: [{name: retrieval", ranked))
    assert "The same model reranks in reranked, and may prefer its own results" in withthis(*JUDGE).stderr


def test_what_a_random_model_writes_is_counted_as_unreadable(folder: Path) -> None:
    prompt = PromptLibrary.load().get("grade-panel").model_dump(mode="json") | {"max_new_tokens": 4}
    (folder / "prompts").mkdir()
    (folder / "prompts" / "short.yaml").write_text(json.dumps(prompt))
    text = EXPERIMENT.replace("  reasons: false", "").replace("phi3-vision}", "phi3-vision, prompts_dir: prompts}")
    (folder / "experiment.yaml").write_text(text)
    record = folder / "out" / "judges" / "vlm.qrels"
    record.write_text("q0 0 d0 1\n")
    notes_path(record).write_text(f"{Note(query='q0', document='d0', grade=1, model='tiny').model_dump_json()}\n")
    said = withthis(*JUDGE)
    assert said.exit_code == 1
    assert f"0 of {PAIRS} pairs are graded" in said.stderr and "agreement" not in said.stderr
    assert f"No grade, as the answer cannot be read as a grade: {PAIRS}" in said.stderr
    assert read_judge(record).model == "tiny"  # without a grade, what an earlier run found stays


def test_a_record_belongs_to_a_person_or_to_a_model(folder: Path) -> None:
    judges = folder / "out" / "judges"
    before = read_qrels(judges / "anna.qrels")
    with pytest.raises(LabError, match="is the record of a person"):
        withthis(*JUDGE, "--judge", "anna")
    assert read_qrels(judges / "anna.qrels") == before
    (judges / "anna.qrels").rename(judges / "vlm.qrels")
    (judges / "vlm.notes.jsonl").write_text(
        f"{Note(query='q0', document='d0', grade=0, model='tiny').model_dump_json()}\n"
    )
    with pytest.raises(LabError, match=r"is of a model, tiny\. .*--suggestions vlm"):
        withthis(*JUDGE[:-1], "--judge", "vlm")
    with pytest.raises(InvalidInput, match="shown no suggestions"):
        withthis(*JUDGE, "--suggestions", "vlm")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("  model: {", "  # model: {", r"line 5, judging: no model is named"),
        ("phi3-vision", "starter", r"line 6, judging\.model\.engine: starter follows no instructions"),
        ("reasons: false", "prompt: rank-panel", r"line 7, judging\.prompt: rank-panel@2 is a rank prompt"),
        ("reasons: false", "prompt: grade", r"line 7, judging\.prompt: grade@1 is for layout images"),
        ("phi3-vision", "openai-compatible", r"line 6, judging\.model: .*needs engine_url"),
    ],
)
def test_what_cannot_work_is_told_with_its_line(folder: Path, old: str, new: str, told: str) -> None:
    (folder / "experiment.yaml").write_text(EXPERIMENT.replace(old, new))
    with pytest.raises(ExperimentError, match=told):
        withthis(*JUDGE)
    assert not (folder / "out" / "judges" / "vlm.qrels").exists()
