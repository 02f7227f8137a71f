"""`withthis agreement`: how far the judges of an experiment agree, and their grades as one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from service.cli.console import err, out, plain, start
from service.cli.experiments import Demo, File, Out, Seed, chosen_experiment, results_folder
from service.cli.row_tables import table
from service.lab.judging.agreement import Agreement, Overall, between_all, cautions, in_words, overall
from service.lab.judging.coefficients import Coefficient
from service.lab.judging.judges import UNNAMED, Judge, judge_names, judge_path, known_judge, read_judge
from service.lab.judging.merging import merged
from service.lab.judging.scale import Point
from service.lab.lab_errors import LabError
from service.lab.trec import write_qrels


class Merge(StrEnum):
    """How several grades become one."""

    MEDIAN = "median"
    MAJORITY = "majority"


Names = Annotated[
    list[str] | None, typer.Option("--judge", help="Only this judge. Can be repeated. Default: all of the folder.")
]
Qrels = Annotated[
    list[Path] | None,
    typer.Option("--qrels", help="Judgments of one more judge in TREC format, called as the file. Can be repeated."),
]
Merging = Annotated[
    Merge | None, typer.Option("--merge", help="Write all grades as one to merged.qrels in the folder, by this rule.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON, with every pair of judges' confusion.")]


def agreement(
    experiment: File = None,
    *,
    demo: Demo = False,
    folder: Out = None,
    names: Names = None,
    qrels: Qrels = None,
    merge: Merging = None,
    seed: Seed = None,
    as_json: AsJson = False,
) -> None:
    """How far the judges of an experiment agree, with intervals, and their grades merged into one file."""
    chosen = chosen_experiment(experiment, demo, start(), seed=seed)
    results_in, scale = results_folder(experiment, folder), chosen.judging.scale
    judges = _judges(results_in, names, qrels or [], scale)
    pairwise, together = between_all(judges, scale, seed=chosen.seed), overall(judges, scale, seed=chosen.seed)
    if as_json:
        out.print_json(json.dumps(_numbers(judges, pairwise, together, scale)))
    else:
        _show(judges, pairwise, together, scale)
    if merge is not None:
        path = results_in / "merged.qrels"
        judgments = merged(judges, merge.value)
        write_qrels(path, judgments)
        count = sum(map(len, judgments.values()))
        err.print(
            f"{count:,} pairs with the {merge} of their grades are in {plain(path)}: name it as `judgments` under "
            "`data`.",
            soft_wrap=True,
        )


def _judges(folder: Path, names: Sequence[str] | None, qrels: Sequence[Path], scale: Sequence[Point]) -> list[Judge]:
    """Raises LabError where nobody has judged, and DataSetError for a record that cannot be read."""
    judges = [known_judge(folder, name, scale) for name in dict.fromkeys(names or ())]
    paths = dict.fromkeys(path.resolve() for path in [*(_records(folder) if names is None else ()), *qrels])
    judges += [read_judge(path, scale) for path in paths]
    if not judges:
        raise LabError(f"Nobody has judged in {folder}. Run `withthis judge --judge NAME` first.")
    called = [judge.name for judge in judges]
    if twice := next((name for name in called if called.count(name) > 1), None):
        raise LabError(f"There are two judges called {twice!r}. Rename one of the files.")
    return judges


def _records(folder: Path) -> list[Path]:
    """Those of all judges, and the one that is written where nobody says who judges."""
    unnamed = folder / UNNAMED
    return [judge_path(folder, name) for name in judge_names(folder)] + ([unnamed] if unnamed.exists() else [])


def _show(judges: Sequence[Judge], pairwise: Sequence[Agreement], together: Overall, scale: Sequence[Point]) -> None:
    who = table("judges", "pairs", *(f"grade {point.grade}" for point in scale), rows="judge")
    for judge in judges:
        given = list(judge.grades.values())
        who.add_row(plain(judge.name), str(len(given)), *(str(given.count(point.grade)) for point in scale))
    out.print(who)
    for judge in judges:
        if judge.model is not None:
            out.print(f"{plain(judge.name)} is a model: {plain(judge.model)}")
    if pairwise:
        out.print(_pairwise(pairwise))
    if len(judges) > 2:
        shown = table("all judges", "pairs", "alpha nominal", "alpha ordinal", rows="")
        shown.add_row("", str(together.pairs), _cell(together.nominal), _cell(together.ordinal))
        out.print(shown)
    for one in pairwise:
        if one.pairs:
            out.print(_confusion(one, scale))
    for said in [*cautions(judges, together), *(words for one in pairwise for words in in_words(one))]:
        out.print(f"[yellow]{plain(said)}[/]", soft_wrap=True)
    if pairwise:
        out.print(
            "[dim]kappa: Cohen's; weighted: quadratically; alpha: Krippendorff's, ordinal. 1 is perfect agreement, 0 "
            "what chance would give. Below a value: its 95 % interval, by a bootstrap over queries.[/]"
        )


def _pairwise(pairwise: Sequence[Agreement]) -> Table:
    shown = table("every two judges", "pairs", "same", "kappa", "weighted", "alpha", rows="judges")
    for one in pairwise:
        same = "" if one.same is None else f"{one.same:.1%}"
        cells = [_cell(found) for found in (one.kappa, one.weighted_kappa, one.alpha)]
        shown.add_row(plain(f"{one.first.name}, {one.second.name}"), str(one.pairs), same, *cells)
    return shown


def _confusion(one: Agreement, scale: Sequence[Point]) -> Table:
    """Rows are the grades of the first judge, columns those of the second."""
    title = f"{one.first.name} (rows) and {one.second.name} (columns)"
    shown = table(plain(title), *(str(point.grade) for point in scale), rows="grade")
    for point, counts in zip(scale, one.confusion, strict=True):
        shown.add_row(str(point.grade), *map(str, counts))
    return shown


def _cell(found: Coefficient) -> str:
    if found.value is None:
        return "–"
    interval = "" if found.low is None else f"\n[dim]{found.low:.2f}…{found.high:.2f}[/]"
    return f"{found.value:.2f}{interval}"


def _numbers(
    judges: Sequence[Judge], pairwise: Sequence[Agreement], together: Overall, scale: Sequence[Point]
) -> dict[str, object]:
    return {
        "judges": {
            judge.name: {"pairs": len(judge.grades), "independent": len(judge.independent), "model": judge.model}
            for judge in judges
        },
        "grades": [point.grade for point in scale],
        "pairwise": [
            {
                "judges": [one.first.name, one.second.name],
                "pairs": one.pairs,
                "queries": one.queries,
                "same": one.same,
                "kappa": asdict(one.kappa),
                "weighted_kappa": asdict(one.weighted_kappa),
                "alpha": asdict(one.alpha),
                "confusion": one.confusion,
                "in_words": in_words(one),
            }
            for one in pairwise
        ],
        "all": asdict(together),
        "cautions": cautions(judges, together),
    }
