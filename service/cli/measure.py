"""`withthis measure JUDGMENTS RUN…`: TREC run files from anywhere against TREC judgments, and against each other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from service.cli.console import out, plain
from service.cli.evaluate_tables import comparison_cells, table
from service.lab.comparison import Comparison, compare
from service.lab.datasets import load_dataset
from service.lab.measures import evaluate
from service.lab.measures.scores import Scores
from service.lab.trec import read_run

Judgments = Annotated[Path, typer.Argument(help="Judgments in TREC format: query, 0, document, grade.")]
RunFiles = Annotated[list[Path], typer.Argument(help="Runs in TREC format; all are compared with the first one.")]
Measures = Annotated[
    list[str] | None, typer.Option("--measure", help="A measure by its ir-measures name. Can be repeated.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]


def measure(
    judgments: Judgments, runs: RunFiles, *, measures: Measures = None, seed: int = 0, as_json: AsJson = False
) -> None:
    """Measure runs from other systems, with confidence intervals and tests against the first one."""
    dataset = load_dataset("trec", judgments)
    names = tuple(dict.fromkeys(measures or dataset.protocol.measures))
    first, *others = [evaluate(dataset, replace(read_run(path), name=str(path)), names) for path in dict.fromkeys(runs)]
    found = compare(first, others, names, seed=seed)
    if as_json:
        out.print_json(json.dumps([_as_json(scores, names, found) for scores in (first, *others)]))
        return
    for name in names:
        shown = table(name, "mean", "difference", "p", "win/tie/loss", rows="run")
        for place, scores in enumerate((first, *others)):
            against = _of(found, scores, name) if place else None
            shown.add_row(plain(scores.run), f"{scores.mean(name):.4f}", *comparison_cells(against))
        out.print(shown)
    out.print(
        f"[dim]{len(first.units)} judged queries. Differences: 95 % bootstrap interval over queries. p: paired "
        "randomization test against the first run, Holm-corrected over all rows and measures.[/]"
    )


def _of(found: Sequence[Comparison], scores: Scores, name: str) -> Comparison | None:
    return next((one for one in found if (one.run, one.measure) == (scores.run, name)), None)


def _as_json(scores: Scores, names: Sequence[str], found: Sequence[Comparison]) -> dict[str, object]:
    row: dict[str, object] = {"run": scores.run, "measures": {name: scores.mean(name) for name in names}}
    compared = [one for name in names if (one := _of(found, scores, name)) is not None]
    if compared:
        row["against"] = compared[0].baseline
        row["differences"] = {
            one.measure: {"mean": one.difference, "low": one.low, "high": one.high, "p": one.p_corrected}
            for one in compared
        }
    return row
