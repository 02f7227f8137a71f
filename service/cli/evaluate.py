"""`withthis evaluate`: does reranking help? Runs an experiment, prints the table, and writes the report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from service.cli.console import err, out, progress_bar, start
from service.cli.demo import DEMO_DIR, make_shop
from service.cli.evaluate_tables import show_summaries
from service.errors import InvalidInput
from service.lab.datasets import load_dataset
from service.lab.demo import QUERIES, demo_data
from service.lab.errors import JudgmentsMissing
from service.lab.experiment import Experiment, read_experiment
from service.lab.judged import DataSet
from service.lab.publish import publish, publish_runs
from service.lab.report import require_matplotlib
from service.lab.run_folder import RunFolder
from service.lab.runner import Progress, Results, run_experiment
from service.lab.summary import summarise
from service.settings import Settings

RESULTS_DIR = Path(".withthis/evaluate")
DEMO_PRODUCTS = 900

File = Annotated[Path | None, typer.Argument(help="A YAML file: a data set and the configurations to compare on it.")]
Demo = Annotated[bool, typer.Option("--demo", help="Compare on the demo shop, with the models in the box.")]
Out = Annotated[
    Path | None,
    typer.Option("--out", help="Folder of the results, where a stopped run goes on; else below .withthis/evaluate."),
]
Queries = Annotated[int | None, typer.Option(min=1, help="Draw this many queries, whatever the file says.")]
Seed = Annotated[int | None, typer.Option(min=0, max=2**32 - 1, help="Draw by this seed, whatever the file says.")]
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
    """Compare configurations on judged queries: quality, time and cost, with intervals and tests."""
    settings = start()
    require_matplotlib()
    chosen = _experiment(experiment, demo, settings)
    chosen = replace(
        chosen,
        queries=chosen.queries if queries is None else queries,
        seed=chosen.seed if seed is None else seed,
    )
    results_in = RunFolder(folder or RESULTS_DIR / ("demo" if experiment is None else experiment.stem))
    try:
        results = _run(chosen, results_in)
        if results.data.judgments is None:
            _show_submissions(publish_runs(results, results_in.path))
            return
        summaries = summarise(results)
        written = publish(results, summaries, results_in.path)
    finally:
        results_in.close()
    if as_json:
        out.print_json(written.numbers.read_text("utf-8"))
    else:
        show_summaries(out, results, summaries)
    err.print(
        f"\nThe report is [bold]{escape(str(written.report))}[/]; runs and numbers lie beside it.", soft_wrap=True
    )


def _show_submissions(files: Sequence[Path]) -> None:
    """A split without public judgments is measured by others."""
    err.print("This split has no public judgments. Send these files to the evaluation server:")
    for path in files:
        err.print(escape(str(path)), soft_wrap=True)


def _experiment(path: Path | None, demo: bool, settings: Settings) -> Experiment:
    if (path is None) == (not demo):
        raise InvalidInput("Give either an experiment's file or --demo.")
    if path is not None:
        return read_experiment(path, settings)
    with as_file(files("service.lab") / "demo.yaml") as shipped:
        return read_experiment(shipped, settings)


def _run(experiment: Experiment, folder: RunFolder) -> Results:
    data = _data(experiment, folder)
    if data.judgments is None and (data.protocol.submission is None or experiment.queries is not None):
        raise JudgmentsMissing(data.name)  # before the work that nobody could measure
    with _bars() as progress:
        return run_experiment(experiment, data, folder, progress=progress)


def _data(experiment: Experiment, folder: RunFolder) -> DataSet:
    spec = experiment.data
    if spec.path is not None:
        return load_dataset(spec.kind, spec.path, **spec.options)
    feed = make_shop(DEMO_DIR / f"shop-{DEMO_PRODUCTS}", DEMO_PRODUCTS)
    return demo_data(feed, folder.path / "queries", queries=experiment.queries or QUERIES, seed=experiment.seed)


@contextmanager
def _bars() -> Iterator[Progress]:
    """A bar for each piece of work, with the time left."""
    with progress_bar() as bars:
        tasks = {}

        def show(work: str, done: int, total: int) -> None:
            if work not in tasks:
                # What is known from an earlier run must not count as speed.
                tasks[work] = bars.add_task(escape(work), total=total, completed=done)
            bars.update(tasks[work], completed=done)

        yield show
