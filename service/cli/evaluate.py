"""`withthis evaluate`: does reranking help? Runs an experiment, prints the table, and writes the report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from service.cli.console import err, out, plain, progress_bar, start
from service.cli.evaluate_tables import show_summaries
from service.cli.experiments import Demo, File, Out, Seed, chosen_experiment, data_of, results_folder
from service.lab.experiment import Experiment
from service.lab.lab_errors import JudgmentsMissing
from service.lab.publish import publish, publish_runs
from service.lab.report import require_matplotlib
from service.lab.run_folder import RunFolder
from service.lab.runner import Progress, Results, run_experiment
from service.lab.summary import summarize

Queries = Annotated[int | None, typer.Option(min=1, help="Sample this many queries, overriding the file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the results as JSON.")]


def evaluate(
    experiment: File = None,
    *,
    demo: Demo = False,
    folder: Out = None,
    queries: Queries = None,
    seed: Seed = None,
    as_json: AsJson = False,
) -> None:
    """Compare configurations on judged queries: quality, time and cost, with confidence intervals and tests."""
    settings = start()
    require_matplotlib()
    chosen = chosen_experiment(experiment, demo, settings, queries=queries, seed=seed)
    results_in = RunFolder(results_folder(experiment, folder))
    try:
        results = _run(chosen, results_in)
        if results.data.judgments is None:
            _show_unmeasured(results, results_in.path)
            return
        summaries = summarize(results)
        written = publish(results, summaries, results_in.path)
    finally:
        results_in.close()
    if as_json:
        out.print_json(written.numbers.read_text("utf-8"))
    else:
        show_summaries(out, results, summaries)
    err.print(f"\nThe report is [bold]{plain(str(written.report))}[/]; with runs and numbers.", soft_wrap=True)


def _show_unmeasured(results: Results, folder: Path) -> None:
    """Without judgments there are only the runs: for a judge, or for the evaluation server."""
    submissions = publish_runs(results, folder)
    if results.data.protocol.unjudged:
        err.print(
            f"Nobody has judged these queries. Their runs are in {plain(str(folder / 'runs'))}: grade their "
            "results with `withthis judge`, and name its file as `judgments` under `data`.",
            soft_wrap=True,
        )
        return
    err.print("This split has no public judgments. Send these files to the evaluation server:")
    for path in submissions:
        err.print(plain(str(path)), soft_wrap=True)


def _run(experiment: Experiment, folder: RunFolder) -> Results:
    data = data_of(experiment, folder.path)
    useless = data.protocol.submission is None or experiment.queries is not None
    if data.judgments is None and useless and not data.protocol.unjudged:
        raise JudgmentsMissing(data.name)  # before work that could not be measured
    with work_bars() as progress:
        return run_experiment(experiment, data, folder, progress=progress)


@contextmanager
def work_bars() -> Iterator[Progress]:
    """A bar for each piece of work, with the time left."""
    with progress_bar() as bars:
        tasks = {}

        def show(work: str, done: int, total: int) -> None:
            if work not in tasks:
                # Results of an earlier run must not count as speed.
                tasks[work] = bars.add_task(plain(work), total=total, completed=done)
            bars.update(tasks[work], completed=done)

        yield show
