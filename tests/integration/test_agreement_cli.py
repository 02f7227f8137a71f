"""`withthis agreement` as it is typed: records of judges on disk, numbers and words out, and all grades merged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from service.cli import app
from service.lab.judging.notes import Note
from service.lab.judging.record import JudgmentRecord
from service.lab.lab_errors import DataSetError, LabError
from service.lab.trec import read_qrels

EXPERIMENT = """
name: fakes
data: {kind: jsonl, path: .}
configurations: [{name: retrieval, rerank_enabled: false}]
judging:
  scale: [{grade: 0, name: Wrong}, {grade: 1, name: Nearly}, {grade: 2, name: Right}]
"""


def withthis(*words: str) -> Any:
    return CliRunner().invoke(app, words, catch_exceptions=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two people who agree on four of five pairs, and a model that says the contrary."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "experiment.yaml").write_text(EXPERIMENT)
    judges = tmp_path / "out" / "judges"
    for name, grades in (("anna", [2, 0, 1, 2, 0]), ("bert", [2, 0, 1, 2, 1]), ("vlm", [0, 2, 1, 0, 2])):
        with JudgmentRecord(judges / f"{name}.qrels") as record:
            for number, grade in enumerate(grades):
                record.judge((f"q{number // 2}", f"d{number}"), grade)
    rows = [Note(query="q0", document="d0", grade=0, note="No.", model="tiny")]
    (judges / "vlm.notes.jsonl").write_text("".join(f"{row.model_dump_json()}\n" for row in rows))
    return tmp_path


def test_agreement_in_numbers_and_words(folder: Path) -> None:
    said = withthis("agreement", "experiment.yaml", "--out", "out").stdout
    assert "vlm is a model: tiny" in said and "80.0%" in said
    assert "anna and vlm agree less than by chance" in said
    assert "The grades of vlm, a model, are too far from those of bert to stand alone" in said
    assert "Only 3 queries" in said
    found = json.loads(withthis("agreement", "experiment.yaml", "--out", "out", "--json").stdout)
    assert found["grades"] == [0, 1, 2]
    assert found["judges"]["vlm"] == {"pairs": 5, "independent": 5, "model": "tiny"}
    people = found["pairwise"][0]
    assert (people["judges"], people["pairs"], people["same"]) == (["anna", "bert"], 5, 0.8)
    assert people["confusion"] == [[1, 1, 0], [0, 1, 0], [0, 0, 2]]
    assert people["kappa"]["value"] == pytest.approx(1 - 0.2 / (1 - 8 / 25))
    assert found["all"]["pairs"] == 5


def test_some_judges_with_a_file_from_elsewhere_and_all_merged(folder: Path) -> None:
    (folder / "crowd.qrels").write_text("q0 0 d0 1\nq0 0 d1 0\nq9 0 d9 2\n")
    said = withthis(
        *("agreement", "experiment.yaml", "--out", "out", "--judge", "anna", "--qrels", "crowd.qrels", "--json"),
        *("--merge", "median"),
    )
    assert json.loads(said.stdout)["pairwise"][0]["judges"] == ["anna", "crowd"]
    assert "6 pairs with the median of their grades" in said.stderr
    assert read_qrels(folder / "out" / "merged.qrels")["q0"] == {"d0": 1, "d1": 0}
    withthis("agreement", "experiment.yaml", "--out", "out", "--merge", "majority")
    assert read_qrels(folder / "out" / "merged.qrels")["q2"] == {"d4": 0}  # of anna's 0 and bert's 1; people go first


def test_who_did_not_say_who_judges_is_a_judge_too(folder: Path) -> None:
    (folder / "out" / "judged.qrels").write_text("q0 0 d0 1\n")
    said = withthis("agreement", "experiment.yaml", "--out", "out", "--qrels", "out/judged.qrels", "--json")
    found = json.loads(said.stdout)
    assert list(found["judges"]) == ["anna", "bert", "vlm", "judged"]


def test_what_is_missing_or_wrong_is_named(folder: Path) -> None:
    with pytest.raises(LabError, match="Nobody has judged in empty"):
        withthis("agreement", "experiment.yaml", "--out", "empty")
    with pytest.raises(LabError, match="no judge 'cleo' in out; known are: anna, bert, vlm"):
        withthis("agreement", "experiment.yaml", "--out", "out", "--judge", "cleo")
    (folder / "anna.qrels").write_text("q0 0 d0 1\nq0 0 d1 3\n")
    with pytest.raises(DataSetError, match=r"anna\.qrels, line 2: the grade 3 is not on the experiment's scale"):
        withthis("agreement", "experiment.yaml", "--out", "out", "--qrels", "anna.qrels")
    (folder / "anna.qrels").write_text("q0 0 d0 1\n")
    with pytest.raises(LabError, match="two judges called 'anna'"):
        withthis("agreement", "experiment.yaml", "--out", "out", "--qrels", "anna.qrels")
