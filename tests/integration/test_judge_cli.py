"""`withthis judge` as it is typed: from runs nobody has judged to judgments that an experiment is measured by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from typer.testing import CliRunner

from service.cli import app
from service.cli.server import PoliteServer
from service.errors import ConfigurationError, InvalidInput
from service.lab.judging.judges import read_judge
from service.lab.lab_errors import DataSetError, LabError
from service.lab.trec import read_qrels
from tests.integration.test_evaluate_cli import counting
from tests.unit.service.lab.bench_fakes import QUERIES, Counting

__all__ = ["counting"]  # a fixture

EXPERIMENT = """
name: fakes
data: {kind: jsonl, path: ., judged: false}
measures: [nDCG@5]
k: 10
configurations:
  - {name: retrieval, rerank_enabled: false}
  - {name: listwise, strategy: listwise}
"""


def withthis(*words: str) -> Any:
    return CliRunner().invoke(app, words, catch_exceptions=False)


def judged_by_hand(monkeypatch: pytest.MonkeyPatch, grades: int) -> None:
    """Serve in this thread's stead: somebody opens the page, grades so many pairs, and stops the command."""

    def sit(server: PoliteServer, sockets: Any) -> None:
        address = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
        with TestClient(cast(Litestar, server.config.app), base_url=address) as browser:
            for _ in range(grades):
                number = browser.get("/pool").json()["next"]
                assert browser.put(f"/pairs/{number}/grade", json={"grade": 2}).status_code == 200

    monkeypatch.setattr(PoliteServer, "run", sit)


def test_runs_without_judgments_become_a_judged_set(
    counting: Counting, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "set" / "experiment.yaml"
    file.write_text(EXPERIMENT)
    (tmp_path / "set" / "judgments.jsonl").unlink()
    with pytest.raises(LabError, match="withthis evaluate"):
        withthis("judge", str(file), "--out", "out")
    first = withthis("evaluate", str(file), "--out", "out")
    assert "Nobody has judged these queries" in first.stderr
    assert not (tmp_path / "out" / "report.html").exists()
    for sitting in (1, 2):
        judged_by_hand(monkeypatch, 3)
        said = withthis("judge", str(file), "--out", "out", "--depth", "2", "--port", "0").stderr
        assert f"{3 * sitting} of" in said
    judged = read_qrels(tmp_path / "out" / "judged.qrels")
    assert sum(map(len, judged.values())) == 6
    file.write_text(EXPERIMENT.replace("judged: false", "judgments: ../out/judged.qrels"))
    measured = withthis("evaluate", str(file), "--out", "out", "--json")
    assert json.loads(measured.stdout)["data"]["queries"] == len(judged) <= QUERIES
    (tmp_path / "out" / "judged.qrels").write_text("q0 0 d1 3\nq0 0 d99 3\n")
    with pytest.raises(DataSetError, match=r"judged\.qrels, line 2: the document 'd99' is not in"):
        withthis("evaluate", str(file), "--out", "out")


def test_several_people_judge_their_shares_of_the_pool(
    counting: Counting, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "set" / "experiment.yaml"
    file.write_text(EXPERIMENT + "judging: {judges: [anna, bert], overlap: 0.5}\n")
    (tmp_path / "set" / "judgments.jsonl").unlink()
    withthis("evaluate", str(file), "--out", "out")
    judge = ("judge", str(file), "--out", "out", "--depth", "2", "--port", "0")
    with pytest.raises(LabError, match="--judge anna or bert"):
        withthis(*judge)
    with pytest.raises(LabError, match="'ana' is not one of the experiment's judges: anna, bert"):
        withthis(*judge, "--judge", "ana")
    with pytest.raises(InvalidInput, match="either a judge"):
        withthis(*judge, "--judge", "anna", "--qrels", "own.qrels")
    with pytest.raises(LabError, match="no judge 'bert' in out; known are: none"):
        withthis(*judge, "--judge", "anna", "--suggestions", "bert")
    judged_by_hand(monkeypatch, 2)
    assert "2 of" in withthis(*judge, "--judge", "anna").stderr
    assert "2 of" in withthis(*judge, "--judge", "bert", "--suggestions", "anna").stderr
    records = [read_judge(tmp_path / "out" / "judges" / f"{name}.qrels") for name in ("anna", "bert")]
    assert [len(one.grades) for one in records] == [2, 2]
    assert len(records[0].independent) == 2
    assert set(records[1].grades) - set(records[1].independent) == set(records[0].grades) & set(records[1].grades)


def test_mistakes_are_told_before_anything_is_served(counting: Counting, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="either"):
        withthis("judge")
    with pytest.raises(DataSetError, match="missing"):
        withthis("judge", "set/experiment.yaml", "--run", "none.run")
    (tmp_path / "a.run").write_text("q0 Q0 d1 1 1 a\n")
    (tmp_path / "bad.qrels").write_text("q0 0 d1\n")
    with pytest.raises(DataSetError, match="line 1"):
        withthis("judge", "set/experiment.yaml", "--run", "a.run", "--qrels", "bad.qrels", "--port", "0")
    with pytest.raises(ConfigurationError, match="Cannot listen"):
        withthis("judge", "set/experiment.yaml", "--run", "a.run", "--host", "203.0.113.1")
