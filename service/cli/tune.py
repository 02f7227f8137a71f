"""`withthis tune`: learn a query adapter from judged queries, and export it if unseen queries are better with it."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from service.cli.console import err, out, plain, start
from service.cli.evaluate import work_bars
from service.cli.evaluate_tables import comparison_cells, table
from service.cli.experiments import Demo, File, Out, Seed, chosen_experiment, data_of, results_folder
from service.lab.run_folder import RunFolder
from service.lab.tuning.adapter_card import export
from service.lab.tuning.fit import RANK
from service.lab.tuning.tune import FOLDS, Tuned
from service.lab.tuning.tune import tune as learn

REFUSED = 3
"""Exit status where nothing was exported."""

Rank = Annotated[int, typer.Option(min=1, max=256, help="Rank of the adapter.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def tune(
    experiment: File = None,
    *,
    demo: Demo = False,
    folder: Out = None,
    rank: Rank = RANK,
    seed: Seed = None,
    as_json: AsJson = False,
) -> None:
    """Learn from judged queries how to move query embeddings, for the first configuration of an experiment.

    Products are not embedded again. Exports only what is significantly better on queries that it has not seen.
    """
    settings = start()
    chosen = chosen_experiment(experiment, demo, settings, seed=seed)
    results_in = RunFolder(results_folder(experiment, folder))
    try:
        with work_bars() as progress:
            data = data_of(chosen, results_in.path)
            tuned = learn(chosen, data, results_in, rank=rank, progress=progress)
        path = export(tuned, results_in.path, data=data.name, seed=chosen.seed) if tuned.is_proven else None
    finally:
        results_in.close()
    if as_json:
        out.print_json(json.dumps(_numbers(tuned, None if path is None else str(path))))
    else:
        _show(tuned)
    if path is None:
        err.print(_refusal(tuned), soft_wrap=True)
        raise typer.Exit(REFUSED)
    err.print(f"Exported. To use it: WITHTHIS_QUERY_ADAPTER={plain(str(path))}", soft_wrap=True)


def _show(tuned: Tuned) -> None:
    found = tuned.comparison
    shown = table("unseen queries", tuned.measure, "difference", "p", "win/tie/loss", rows="query embeddings")
    shown.add_row("as they are", f"{found.baseline_mean:.3f}")
    shown.add_row("adapted", f"{found.run_mean:.3f}", *comparison_cells(found))
    out.print(shown)
    out.print(
        f"[dim]{tuned.queries} queries in {FOLDS} folds, each searched with an adapter that has not seen it. p: paired "
        "randomization test.[/]"
    )


def _refusal(tuned: Tuned) -> str:
    needed = tuned.queries_needed
    if needed is None:
        return "Nothing is exported: unseen queries are not better with it, and more judgments promise nothing."
    return (
        f"Nothing is exported: the difference may be chance. If it is what it seems, about {needed:,} more judged "
        "queries would show it."
    )


def _numbers(tuned: Tuned, path: str | None) -> dict[str, object]:
    return {
        "adapter": path,
        "measure": tuned.measure,
        "queries": tuned.queries,
        "epochs": tuned.epochs,
        "comparison": tuned.comparison.numbers,
        "queries_needed": tuned.queries_needed,
    }
