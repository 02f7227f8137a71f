"""`make bench`: reports survive JSON, sections of `RESULTS.md` are replaced one by one, options fit the benchmarks."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import typer

from benchmarks import __main__ as bench
from benchmarks import child
from benchmarks.child import BenchmarkError, NotHereError
from benchmarks.report import Report, Sheet
from benchmarks.results import Results
from benchmarks.tables import TABLES, BenchTable, Size

REPORT = Report([Sheet("Rates", [{"way": "a|b", "a second": 1234.5, "ratio": None}], {"a second": ".1f"})], ["Done."])


def test_a_report_comes_back_from_json_and_becomes_markdown(capsys: pytest.CaptureFixture[str]) -> None:
    REPORT.show(as_json=True)
    assert Report.read(capsys.readouterr().out) == REPORT
    assert REPORT.markdown().splitlines() == [
        "### Rates",
        "",
        "| way | a second | ratio |",
        "| --- | ---: | ---: |",
        "| a\\|b | 1234.5 | – |",
        "",
        "Done.",
    ]


def test_a_section_is_replaced_and_the_others_stay(tmp_path: Path) -> None:
    file = tmp_path / "RESULTS.md"
    for name in ("old", "second", "first"):
        Results(file, ["first", "second"]).put(name, "Today.", f"### {name}\n\n| 1 |")
    Results(file, ["first", "second"]).put("second", "Tomorrow.", "new")
    text = file.read_text(encoding="utf-8")
    assert text.startswith("# Results\n") and "### second" not in text
    sections = "## first Today. ### first | 1 | ## second Tomorrow. new ## old Today. ### old | 1 |"
    assert " ".join(text[text.index("## first") :].split()) == sections
    again = Results(file, ["first", "second"])
    assert again.has("second", "Tomorrow.") and not again.has("second", "Today.") and not again.has("third", "Today.")


def test_what_was_measured_today_is_not_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def run(module: str, options: list[str]) -> child.Outcome:
        asked.append(module)
        if module == "benchmarks.page":
            raise NotHereError
        if module == "benchmarks.load":
            raise BenchmarkError
        return child.Outcome(REPORT, missed=True)

    monkeypatch.setattr(bench, "run", run)
    file = tmp_path / "RESULTS.md"
    for tables, again in ((["stages", "page"], False), (["stages", "parser"], False), (["stages"], True)):
        bench.main(tables, again=again, results=file)
    assert asked == ["benchmarks.stages", "benchmarks.page", "benchmarks.parser", "benchmarks.stages"]
    assert child.MISSED in file.read_text(encoding="utf-8")
    with pytest.raises(typer.Exit):
        bench.main(["load"], results=file)
    with pytest.raises(typer.BadParameter, match="no table stage;"):
        bench.main(["stage"], results=file)


def test_a_benchmark_runs_in_a_process_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "script.py"
    monkeypatch.setattr(child, "ROOT", tmp_path)
    monkeypatch.setattr(child, "STOP_S", 1.0)  # who runs this in the background has interrupts ignored
    monkeypatch.setenv("PYTHONSAFEPATH", "")
    script.write_text("import sys; print(sys.argv[2]); sys.exit(int(sys.argv[1]))", encoding="utf-8")
    outcome = child.run("script", ["1", '{"sheets": [], "notes": ["a"]}'])
    assert outcome.missed and outcome.report.notes == ["a"]
    with pytest.raises(NotHereError):
        child.run("script", ["77", ""])
    with pytest.raises(BenchmarkError, match="ended with 2"):
        child.run("script", ["2", '{"sheets": [], "notes": []}'])
    with pytest.raises(BenchmarkError, match="no tables"):
        child.run("script", ["0", "Hello"])
    script.write_text("import time; time.sleep(60)", encoding="utf-8")
    with pytest.raises(BenchmarkError, match="stopped after"):
        child.run("script", [], limit_s=0.2)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_table_has_a_benchmark_that_knows_its_options(table: BenchTable) -> None:
    spec = importlib.util.find_spec(f"benchmarks.{table.name}")
    assert spec is not None and spec.origin is not None
    origin = Path(spec.origin)
    file = origin.with_name("__main__.py") if spec.submodule_search_locations else origin
    source = file.read_text(encoding="utf-8")
    for option in {word for size in Size for word in table.options(size) if word.startswith("--")}:
        assert option in source or f"    {option[2:].replace('-', '_')}: Annotated" in source, option
    assert "json" in source


def test_the_unasked_tables_take_at_most_25_minutes() -> None:
    assert sum(table.seconds[Size.FULL] for table in TABLES if table.wanted) <= 40 * 60
