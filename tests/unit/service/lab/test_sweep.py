"""A sweep chooses on one half of the queries and tests on the other."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from service.cli.setups import SettingsOverlay
from service.lab.datasets import load_dataset
from service.lab.experiment import Experiment, read_experiment
from service.lab.judged import DataSet
from service.lab.lab_errors import ExperimentError, LabError
from service.lab.models import Models
from service.lab.query_choice import units
from service.lab.run_folder import RunFolder
from service.lab.sweep import Swept, sweep
from service.settings import Settings
from tests.unit.service.lab.tuning.test_tune import QUERIES, Letters, write_set

GRID = """
name: how much of the words?
data: {kind: jsonl, path: .}
measures: [nDCG@5]
k: 10
settings: {understand_enabled: false, rerank_enabled: false}
configurations: [{name: as served, hybrid_lexical_weight: 1.0}]
sweep: {hybrid_lexical_weight: [0.0, 0.5, 1.0], search_window: [100, 200]}
"""


def read(folder: Path, text: str = GRID) -> tuple[Experiment, DataSet]:
    """Titles hold words of queries for something else: the more words count, the worse."""
    write_set(folder)
    rows = [json.loads(line) for line in (folder / "documents.jsonl").read_text().splitlines()]
    titled = [{**row, "title": f"{row['title']} w{number * 7 % QUERIES}"} for number, row in enumerate(rows)]
    (folder / "documents.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in titled))
    data = load_dataset("jsonl", folder)
    (folder / "sweep.yaml").write_text(text)
    return read_experiment(folder / "sweep.yaml", SettingsOverlay(Settings(_env_file=None))), data


def swept(folder: Path, experiment: Experiment, data: DataSet, *, halving: bool = False) -> Swept:
    results_in = RunFolder(folder / "out")
    try:
        models = Models(results_in.cache, load_encoder=lambda setup: Letters())
        return sweep(experiment, data, results_in, halving=halving, models=models, progress=lambda *_: None)
    finally:
        results_in.close()


def test_every_combination_is_a_configuration_that_is_named_by_it(tmp_path: Path) -> None:
    experiment, _ = read(tmp_path)
    names = [one.name for one in experiment.grid]
    assert len(set(names)) == 6 and names[1] == "hybrid_lexical_weight 0.0, search_window 200"
    assert experiment.grid[1].measured["search_window"] == 200
    assert experiment.grid[1].measured["understand_enabled"] is False


@pytest.mark.parametrize("halving", [False, True])
def test_the_winner_of_one_half_is_tested_on_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, halving: bool
) -> None:
    monkeypatch.setattr("service.lab.sweep.FIRST_QUERIES", 5)
    experiment, data = read(tmp_path)
    found = swept(tmp_path, experiment, data, halving=halving)
    assert found.test is not None and found.comparison is not None and found.tried == 6
    chosen, tested = set(units(found.development.data)), set(units(found.test.data))
    assert not chosen & tested and chosen | tested == set(units(data))
    assert [one.name for one in found.proof] == ["as served", found.winner]
    best = max(one.estimates["nDCG@5"].mean for one in found.summaries)
    means = {one.name: one.estimates["nDCG@5"].mean for one in found.summaries}
    assert best == means[found.winner] == max(means[name] for name in found.pareto)  # which one is a matter of time
    assert len(found.summaries) == (
        3 if halving else 7
    )  # 6 and 3 were dropped to 3 and 2, the first configuration stays


def test_nothing_is_tested_if_nothing_is_better(tmp_path: Path) -> None:
    experiment, data = read(tmp_path)
    same = replace(experiment, grid=tuple(one for one in experiment.grid if "weight 1.0" in one.name))
    found = swept(tmp_path, same, data)
    assert (found.winner, found.test, found.comparison) == ("as served", None, None)


WRONG: dict[str, tuple[Callable[[str], str], str]] = {
    "no setting": (lambda text: text.replace("_window", "_windw"), r"line 8, sweep.search_windw.*no such"),
    "no values": (lambda text: text.replace("[100, 200]", "[]"), r"line 8, sweep.search_window: .*nothing to try"),
    "a value that cannot be": (lambda text: text.replace("[100, 200]", "[0]"), r"line 8, sweep.search_window"),
    "too many": (lambda text: text.replace("[100, 200]", str(list(range(1, 100)))), r"297 combinations, and 256"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, wrong: str) -> None:
    change, told = WRONG[wrong]
    with pytest.raises(ExperimentError, match=told):
        read(tmp_path, change(GRID))


def test_a_file_without_a_grid_is_refused(tmp_path: Path) -> None:
    experiment, data = read(tmp_path, GRID.rpartition("sweep:")[0])
    with pytest.raises(LabError, match="has no `sweep`"):
        swept(tmp_path, experiment, data)
