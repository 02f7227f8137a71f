"""`withthis tune`: learn settings from judged queries, and export those with which unseen queries are better."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer

from service.cli.console import err, out, plain, start
from service.cli.evaluate import work_bars
from service.cli.evaluate_tables import comparison_cells
from service.cli.experiments import Demo, File, Out, Seed, chosen_experiment, data_of, results_folder
from service.cli.row_tables import table
from service.lab.files import write_text
from service.lab.run_folder import RunFolder
from service.lab.tuning.adapter_card import export, facts_of
from service.lab.tuning.fit import RANK
from service.lab.tuning.proof import ADAPTER_SETTING, FOLDS, Part, Tuned
from service.lab.tuning.tune import tune as learn
from service.settings import setting_places

REFUSED = 3
"""Exit status where nothing was exported."""
TUNED = "tuned.toml"

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
    """Learn from judged queries an adapter of query embeddings, and weights, for the first configuration.

    Products are not embedded again. Exports only what is significantly better on queries that it has not seen.
    """
    settings = start()
    chosen = chosen_experiment(experiment, demo, settings, seed=seed)
    results_in = RunFolder(results_folder(experiment, folder))
    try:
        with work_bars() as progress:
            data = data_of(chosen, results_in.path)
            tuned = learn(chosen, data, results_in, rank=rank, progress=progress)
        path = exported(tuned, results_in.path, data=data.name, seed=chosen.seed) if tuned.proven else None
    finally:
        results_in.close()
    if as_json:
        out.print_json(json.dumps(_numbers(tuned, path)))
    else:
        _show(tuned)
    if path is None:
        earlier = " The files in the folder are of an earlier run." if (results_in.path / TUNED).exists() else ""
        err.print(f"Nothing is exported.{earlier}")
        raise typer.Exit(REFUSED)
    err.print(f"Exported. To use it: WITHTHIS_CONFIG={plain(str(path))}, or copy its lines.", soft_wrap=True)


def exported(tuned: Tuned, folder: Path, *, data: str, seed: int) -> Path:
    """Write what is proven: the adapter, and a file of settings. The latter's path."""
    values = dict(tuned.proven)
    if ADAPTER_SETTING in values:
        values[ADAPTER_SETTING] = str(export(tuned, folder, data=data, seed=seed).resolve())
    proven = [part for part in tuned.parts if part.is_proven]
    lines = ["# Settings that `withthis tune` has learned. Each was tested on queries that it had not seen."]
    for part in proven:
        facts = facts_of(tuned, part, data=data, seed=seed)
        told = "{measure} of {queries} queries of {data}: {before} → {after} ({interval}), p = {p}; {made}"
        lines.append(f"# {part.setting}: {told.format(**facts)}")
    write_text(folder / TUNED, [*lines, *_toml(values)])
    return folder / TUNED


def _toml(values: Mapping[str, object]) -> Iterator[str]:
    """Settings as the tables of a configuration file."""
    places = setting_places()
    for group in dict.fromkeys(places[name].group for name in values):
        yield from ("", f"[{group}]")
        for name, value in values.items():
            if places[name].group == group:
                yield f"{places[name].field} = {_toml_value(value)}"


def _toml_value(value: object) -> str:
    """Numbers, texts, and tables of numbers. JSON writes the first two as TOML does."""
    if not isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False)
    return f"{{{', '.join(f'{json.dumps(name)} = {weight}' for name, weight in value.items())}}}"


def _show(tuned: Tuned) -> None:
    shown = table("unseen queries", "before", "after", "difference", "p", "win/tie/loss", rows=tuned.measure)
    for part in tuned.parts:
        found = part.comparison
        means = f"{found.baseline_mean:.3f}", f"{found.run_mean:.3f}"
        shown.add_row(_named(part), *means, *comparison_cells(found))
    out.print(shown)
    for part in tuned.parts:
        if not part.is_proven:
            out.print(f"{part.setting} is not exported: {_refusal(part)}", soft_wrap=True)
    out.print(
        f"[dim]{tuned.queries} queries, each searched with an adapter that had not seen it ({FOLDS} folds). Weights "
        "were chosen on one half of the queries and tested on the other, on top of what is proven above. p: paired "
        "randomization test, times the number of settings.[/]"
    )


def _named(part: Part) -> str:
    """A setting with what was learned from all queries."""
    if part.setting == ADAPTER_SETTING:
        return part.setting
    value = part.value
    if isinstance(value, Mapping):
        shown = ", ".join(f"{name} {weight:g}" for name, weight in value.items()) or "all alike"
    else:
        shown = "as it is" if value is None else f"{value:g}"
    return plain(f"{part.setting}: {shown}")


def _refusal(part: Part) -> str:
    if part.comparison.difference == 0:
        return "no other value was better for the queries that chose."
    if part.queries_needed is None:
        return "unseen queries are not better with it, and more judgments promise nothing."
    return (
        f"the difference may be chance. If it is what it seems, about {part.queries_needed:,} more judged queries "
        "would show it."
    )


def _numbers(tuned: Tuned, path: Path | None) -> dict[str, object]:
    return {
        "file": None if path is None else str(path),
        "measure": tuned.measure,
        "queries": tuned.queries,
        "epochs": tuned.epochs,
        "parts": [
            {
                "setting": part.setting,
                "value": None if part.setting == ADAPTER_SETTING else part.value,
                "proven": part.is_proven,
                "tested": part.tested,
                "comparison": part.comparison.numbers,
                "queries_needed": part.queries_needed,
            }
            for part in tuned.parts
        ],
    }
