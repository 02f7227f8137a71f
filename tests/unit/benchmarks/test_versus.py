"""`benchmarks.versus`: verdicts by ratio and by value, and a journal that an interrupted run goes on from."""

from __future__ import annotations

from pathlib import Path

from benchmarks.versus.journal import Journal
from benchmarks.versus.probes import Catalog, Help, Indexing, Puts, Shop, Workers
from benchmarks.versus.targets import KEYS, missed, sheet

IDENTITY = {"base": "a", "now": "b"}


def test_a_row_is_reached_by_its_ratio_or_by_its_value_today() -> None:
    samples = {
        "composed": {"base": [60.0, 64.0, 90.0], "now": [32.0, 30.0, 95.0]},
        "throughput": {"base": [10.0], "now": [19.0]},
        "help": {"base": [2.0], "now": [0.41]},
        "own": {"base": [1.0], "now": [3.0]},
        "ready": {"base": [8.0]},
    }
    rows = sheet("Against a", samples).rows
    found = {row["what"]: (row["base"], row["now"], row["reached"]) for row in rows}
    assert list(found.values()) == [(64, 32, "yes"), (10, 19, "no"), (2, 0.41, "no"), (1, 3, "yes")]
    assert len(missed(samples)) == 2


def test_every_row_is_measured_by_one_probe() -> None:
    measured = [row for probe in (Shop, Catalog, Puts, Indexing, Help, Workers) for row in probe.rows]
    assert sorted(measured) == sorted(KEYS)


def test_an_interrupted_run_goes_on_and_another_commit_begins_anew(tmp_path: Path) -> None:
    file = tmp_path / "versus.jsonl"
    Journal(file, IDENTITY).add("ready", "base", 0, 8.5)
    with file.open("a") as broken:
        broken.write('{"row": "ready", "tr')
    again = Journal(file, IDENTITY)
    assert again.has("ready", "base", 0) and not again.has("ready", "now", 0) and not again.has("ready", "base", 1)
    assert again.samples()["ready"]["base"] == [8.5]
    assert not Journal(file, IDENTITY | {"now": "c"}).has("ready", "base", 0)
