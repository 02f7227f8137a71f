"""`withthis sweep`: the best of many configurations, chosen on one half of the queries and tested on the other."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from service.cli.console import err, out, plain, start
from service.cli.evaluate import work_bars
from service.cli.evaluate_tables import comparison_cells, mean_cell
from service.cli.experiments import Out, Seed, chosen_experiment, data_of, results_folder
from service.cli.row_tables import table
from service.lab.publish import publish
from service.lab.report import require_matplotlib
from service.lab.run_folder import RunFolder
from service.lab.sweep import Swept
from service.lab.sweep import sweep as search

File = Annotated[Path, typer.Argument(help="A YAML file: a data set, a configuration, and a `sweep` of its settings.")]
Halving = Annotated[bool, typer.Option(help="Drop the worse half early, on few queries (successive halving).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def sweep(
    experiment: File, *, folder: Out = None, halving: Halving = False, seed: Seed = None, as_json: AsJson = False
) -> None:
    """Try every combination of settings on one half of the queries, and test the winner once on the other half.

    Run it again to resume.
    """
    settings = start()
    require_matplotlib()
    chosen = chosen_experiment(experiment, False, settings, seed=seed)
    results_in = RunFolder(results_folder(experiment, folder))
    try:
        with work_bars() as progress:
            data = data_of(chosen, results_in.path)
            swept = search(chosen, data, results_in, halving=halving, progress=progress)
        written = publish(swept.development, swept.summaries, results_in.path / "development")
        if swept.test is not None:
            publish(swept.test, swept.proof, results_in.path / "test")
    finally:
        results_in.close()
    if as_json:
        out.print_json(json.dumps(_numbers(swept)))
    else:
        _show(swept)
    err.print(f"\nReports are next to [bold]{plain(str(written.report))}[/].", soft_wrap=True)


def _show(swept: Swept) -> None:
    measure, front = swept.development.measures[0], swept.pareto
    shown = table(f"development half, {swept.tried} combinations", measure, "p50 ms", "cost/1,000", "Pareto")
    for one in sorted(swept.summaries, key=lambda one: -one.estimates[measure].mean):
        cost = "" if one.cost is None else f"{one.cost:.2f}"
        p50 = f"{one.latency['total'].p50:,.0f}"
        shown.add_row(plain(one.name), mean_cell(one.estimates[measure]), p50, cost, "●" if one.name in front else "")
    out.print(shown)
    out.print("[dim]●: no other one is at least as good in quality, time and cost.[/]")
    if swept.comparison is None:
        out.print(f"Nothing is better than {plain(swept.winner)} on the development half, so nothing was tested.")
        return
    proof = table("test half", measure, "difference", "p", "win/tie/loss")
    for one in swept.proof:
        proof.add_row(
            plain(one.name), mean_cell(one.estimates[measure]), *comparison_cells(one.comparisons.get(measure))
        )
    out.print(proof)


def _numbers(swept: Swept) -> dict[str, object]:
    measure, found = swept.development.measures[0], swept.comparison
    return {
        "measure": measure,
        "tried": swept.tried,
        "winner": swept.winner,
        "development": {one.name: asdict(one.estimates[measure]) for one in swept.summaries},
        "pareto": sorted(swept.pareto),
        "test": None if found is None else found.numbers,
    }
