"""`withthis measure` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from service.cli import app
from service.lab.lab_errors import DataSetError, LabError

JUDGED = "".join(f"q{k} 0 d{k} 1\n" for k in range(12))


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Judgments, and two runs with the same tag: one finds everything second, the other first."""
    monkeypatch.chdir(tmp_path)
    Path("judged.txt").write_text(JUDGED)
    for name, own, other in (("second", 1.0, 2.0), ("first", 2.0, 1.0)):
        lines = (f"q{k} Q0 d{k} 1 {own} tag\nq{k} Q0 x 2 {other} tag\n" for k in range(12))
        Path(f"{name}.run").write_text("".join(lines))


def measure(*words: str) -> Any:
    return CliRunner().invoke(app, ["measure", *words], catch_exceptions=False)


def test_runs_are_measured_and_compared_with_the_first_one() -> None:
    result = measure("judged.txt", "second.run", "first.run", "--measure", "RR", "--measure", "P@1", "--json")
    second, first = json.loads(result.stdout)
    assert second == {"run": "second.run", "measures": {"RR": 0.5, "P@1": 0.0}}
    assert first["measures"] == {"RR": 1.0, "P@1": 1.0} and first["against"] == "second.run"
    assert first["differences"]["RR"]["mean"] == 0.5 and first["differences"]["RR"]["p"] < 0.01


def test_the_table_shows_the_measures_of_the_data_set() -> None:
    result = measure("judged.txt", "second.run", "first.run")
    for expected in ("nDCG@10", "RR", "AP", "R@100", "second.run", "12/0/0", "12 judged queries"):
        assert expected in result.stdout


def test_what_does_not_fit_is_named() -> None:
    Path("other.run").write_text("z1 Q0 d1 1 1.0 tag\n")
    with pytest.raises(LabError, match="another data set"):
        measure("judged.txt", "other.run")
    Path("other.run").write_text("z1 Q0 d1\n")
    with pytest.raises(DataSetError, match=r"other\.run"):
        measure("judged.txt", "other.run")
