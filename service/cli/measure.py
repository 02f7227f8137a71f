"""`withthis measure JUDGMENTS RUN…`: TREC run files from anywhere against judgments, and against each other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
import yaml

from service.cli.console import out, plain
from service.cli.evaluate_tables import comparison_cells, that_fit
from service.cli.row_tables import table
from service.cli.seed_option import Seed
from service.errors import InvalidInput
from service.lab.comparison import Comparison, compare
from service.lab.datasets import KINDS, load_dataset
from service.lab.measures import evaluate
from service.lab.measures.scores import Scores
from service.lab.significance import mean_interval
from service.lab.summary import small_sample
from service.lab.trec import read_run

Judgments = Annotated[
    Path, typer.Argument(help="Judgments in TREC or BEIR format; with --kind, the folder of a data set.")
]
RunFiles = Annotated[list[Path], typer.Argument(help="Runs in TREC format; all are compared with the first one.")]
Measures = Annotated[
    list[str] | None, typer.Option("--measure", help="A measure by its ir-measures name. Can be repeated.")
]
Kind = Annotated[str, typer.Option(help=f"Kind of the data set, whose protocol then holds: {', '.join(KINDS)}.")]
Options = Annotated[
    list[str] | None, typer.Option("--option", help="NAME=VALUE of the data set, such as split=test. Can be repeated.")
]
PerQuery = Annotated[bool, typer.Option("--per-query", help="Print the value of every query, too.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]


def measure(
    judgments: Judgments,
    runs: RunFiles,
    *,
    measures: Measures = None,
    kind: Kind = "trec",
    options: Options = None,
    per_query: PerQuery = False,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Measure runs from other systems, with confidence intervals and tests against the first one."""
    dataset = load_dataset(kind, judgments, **_options(kind, options or []))
    names = tuple(dict.fromkeys(measures or dataset.protocol.measures))
    first, *others = [evaluate(dataset, replace(read_run(path), name=str(path)), names) for path in dict.fromkeys(runs)]
    found = compare(first, others, names, seed=seed)
    if as_json:
        out.print_json(json.dumps([_as_json(one, names, found, seed, per_query) for one in (first, *others)]))
        return
    for name in names:
        _show((first, *others), name, found, seed)
    if per_query:
        for scores in (first, *others):
            _show_queries(scores, names)
    if told := small_sample(len(first.units), [one for one in found if one.measure == names[0]], family=len(found)):
        out.print(told)
    p = " p: paired randomization test against the first run, Holm-corrected over all rows and measures."
    out.print(
        f"[dim]Judged queries: {len(first.units)}. Intervals: 95 %, over queries.{p if others else ''} "
        f"{plain(dataset.protocol.note)}[/]"
    )


def _options(kind: str, given: Sequence[str]) -> dict[str, object]:
    """The reader's options as they stand in an experiment's file. The images are not needed."""
    found: dict[str, object] = {} if kind == "trec" else {"check_images": False}
    for one in given:
        name, equals, value = one.partition("=")
        if not (name and equals):
            raise InvalidInput(f"--option {plain(one)} is not NAME=VALUE, such as split=test.")
        try:
            found[name] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise InvalidInput(f"The value of --option {plain(name)} cannot be read. Quote it.") from error
    return found


def _show(runs: Sequence[Scores], name: str, found: Sequence[Comparison], seed: int) -> None:
    """The runs by one measure."""
    compared = ["difference", "p", "win/tie/loss"] if runs[1:] else []
    shown = table(name, "mean", *compared, rows="run")
    for scores in runs:
        cells = comparison_cells(_of(found, scores, name)) if compared else []
        low, high = _interval(scores, name, seed)
        shown.add_row(plain(scores.run), f"{scores.mean(name):.4f}\n[dim]{low:.3f}–{high:.3f}[/]", *cells)
    out.print(shown)


def _show_queries(scores: Scores, names: Sequence[str]) -> None:
    """The values of every query, as many measures side by side as fit."""
    for some in that_fit(names, len("0.1234"), ["query", *scores.units], out.width):
        shown = table(scores.run, *some, rows="query")
        for unit in scores.units:
            shown.add_row(plain(unit), *(f"{scores.values[name][unit]:.4f}" for name in some))
        out.print(shown)


def _interval(scores: Scores, name: str, seed: int) -> tuple[float, float]:
    return mean_interval(scores.array(name), scores.weights(), bounds=(0.0, 1.0), seed=seed)


def _of(found: Sequence[Comparison], scores: Scores, name: str) -> Comparison | None:
    return next((one for one in found if (one.run, one.measure) == (scores.run, name)), None)


def _as_json(
    scores: Scores, names: Sequence[str], found: Sequence[Comparison], seed: int, per_query: bool
) -> dict[str, object]:
    row: dict[str, object] = {"run": scores.run, "measures": {name: scores.mean(name) for name in names}}
    row["intervals"] = {name: _interval(scores, name, seed) for name in names}
    if per_query:
        row["queries"] = {name: dict(scores.values[name]) for name in names}
    compared = [one for name in names if (one := _of(found, scores, name)) is not None]
    if compared:
        row["against"] = compared[0].baseline
        row["differences"] = {
            one.measure: {
                "mean": one.difference,
                "low": one.low,
                "high": one.high,
                "p": one.p_corrected,
                "detectable": one.detectable,
            }
            for one in compared
        }
    return row
