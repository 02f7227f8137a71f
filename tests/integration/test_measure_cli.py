"""`withthis measure` as it is typed."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from scipy import stats
from typer.testing import CliRunner

from service.cli import app
from service.errors import InvalidInput
from service.lab.lab_errors import DataSetError, LabError
from tests.unit.service.lab.datasets import layouts

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
    assert (second["run"], second["measures"]) == ("second.run", {"RR": 0.5, "P@1": 0.0})
    low, high = second["intervals"]["P@1"]
    assert low == 0 and high == pytest.approx(stats.binomtest(0, 12).proportion_ci(method="exact").high, abs=0.01)
    assert first["measures"] == {"RR": 1.0, "P@1": 1.0} and first["against"] == "second.run"
    assert first["differences"]["RR"]["mean"] == 0.5 and first["differences"]["RR"]["p"] < 0.01


def test_the_table_shows_the_measures_of_the_data_set() -> None:
    result = measure("judged.txt", "second.run", "first.run")
    for expected in ("nDCG@10", "RR", "AP", "R@100", "second.run", "12/0/0", "Judged queries: 12"):
        assert expected in result.stdout


def test_values_of_every_query_are_printed() -> None:
    [only] = json.loads(measure("judged.txt", "second.run", "--measure", "RR", "--per-query", "--json").stdout)
    assert only["queries"] == {"RR": {f"q{k}": 0.5 for k in range(12)}}
    table = measure("judged.txt", "second.run", "--measure", "RR", "--measure", "Judged@1", "--per-query").stdout
    assert "q11" in table and "0.5000" in table and "win/tie/loss" not in table
    assert "Only 12 queries" in table
    names = [
        f"--measure={name}" for name in ("nDCG@10", "RBP(p=0.8)", "ERR@5", "AP(rel=1)", "R@10", "P@10", "Success@5")
    ]
    wide = measure("judged.txt", "second.run", *names, "--per-query").stdout
    assert all(len(line) <= 80 for line in wide.splitlines()) and "…" not in wide and wide.count("q11") == 2


def test_a_run_from_elsewhere_is_scored_under_a_data_set_s_own_protocol(tmp_path: Path) -> None:
    """CIRR: the reference image is removed first, and the group is ranked on its own."""
    layouts.cirr(tmp_path)
    lines = (f"12063 Q0 {name} 0 {9 - place} s" for place, name in enumerate(["ref", "b", "a", "c"]))
    Path("other.run").write_text("\n".join([*lines, "12064 Q0 b 1 1 s"]))
    [only] = json.loads(measure(".", "other.run", "--kind", "cirr", "--option", "split=val", "--json").stdout)
    assert (only["measures"]["R@1"], only["measures"]["R_subset@1"], only["measures"]["R@5"]) == (0.5, 0.5, 1.0)
    with pytest.raises(DataSetError, match="split"):
        measure(".", "other.run", "--kind", "cirr", "--option", "split=dev")
    with pytest.raises(InvalidInput, match="NAME=VALUE"):
        measure(".", "other.run", "--kind", "cirr", "--option", "split")


def test_compressed_runs_and_beir_s_judgments_are_measured() -> None:
    Path("test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(f"q{k}\td{k}\t1\n" for k in range(12)))
    Path("first.run.gz").write_bytes(gzip.compress(Path("first.run").read_bytes()))
    [only] = json.loads(measure("test.tsv", "first.run.gz", "--measure", "RR", "--json").stdout)
    assert only["measures"] == {"RR": 1.0}


def test_what_does_not_fit_is_named() -> None:
    Path("other.run").write_text("z1 Q0 d1 1 1.0 tag\n")
    with pytest.raises(LabError, match="another data set"):
        measure("judged.txt", "other.run")
    Path("other.run").write_text("z1 Q0 d1\n")
    with pytest.raises(DataSetError, match=r"other\.run"):
        measure("judged.txt", "other.run")
