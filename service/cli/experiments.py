"""What the commands on an experiment share: its file, its folder, and its data set."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import typer

from service.cli.setups import SettingsOverlay
from service.errors import InvalidInput
from service.lab.datasets import load_dataset
from service.lab.datasets.rejudged import rejudged
from service.lab.demo import QUERIES, demo_data
from service.lab.experiment import Experiment, read_experiment
from service.lab.judged import DataSet
from service.settings import Settings
from starter.demo_shop import DEMO_DIR, make_shop

RESULTS_DIR = Path(".withthis/evaluate")
DEMO_PRODUCTS = 900

File = Annotated[Path | None, typer.Argument(help="A YAML file: a data set and the configurations to compare on it.")]
Demo = Annotated[bool, typer.Option("--demo", help="Use the demo shop, with the bundled models.")]
Out = Annotated[
    Path | None,
    typer.Option("--out", help="Folder for the results; interrupted runs resume. Default: below .withthis/evaluate."),
]
Seed = Annotated[int | None, typer.Option(min=0, max=2**32 - 1, help="Seed for sampling, overriding the file.")]


def chosen_experiment(
    path: Path | None, demo: bool, settings: Settings, *, queries: int | None = None, seed: int | None = None
) -> Experiment:
    """The experiment of a file or of the demo. Raises InvalidInput for both or neither, and ExperimentError."""
    if (path is None) == (not demo):
        raise InvalidInput("Give either an experiment file or --demo.")
    if path is not None:
        found = read_experiment(path, SettingsOverlay(settings))
    else:
        with as_file(files("service.lab") / "demo.yaml") as shipped:
            found = read_experiment(shipped, SettingsOverlay(settings))
    return replace(
        found, queries=found.queries if queries is None else queries, seed=found.seed if seed is None else seed
    )


def results_folder(path: Path | None, given: Path | None) -> Path:
    """Location of the results of an experiment's file (None: the demo's), unless another folder was given."""
    return given or RESULTS_DIR / ("demo" if path is None else path.stem)


def data_of(experiment: Experiment, folder: Path, *, judged: bool = True) -> DataSet:
    """The data set, checked; images that are drawn for it go below the folder. Raises DataSetError.

    `judged` False: its judgments are not needed, and may be missing.
    """
    spec = experiment.data
    if spec.path is not None:
        # Of the kinds, only our own can be there without judgments.
        unjudged = spec.kind == "jsonl" and (not judged or spec.judgments is not None)
        own: dict[str, object] = {"judged": False} if unjudged else {}
        if spec.unreadable == "leave_out":  # the experiment itself looks at all of them, and goes on
            own["check_images"] = False
        data = load_dataset(spec.kind, spec.path, **(spec.options | own))
    else:
        feed = make_shop(DEMO_DIR / f"shop-{DEMO_PRODUCTS}", DEMO_PRODUCTS)
        data = demo_data(feed, folder / "queries", queries=experiment.queries or QUERIES, seed=experiment.seed)
    return rejudged(data, spec.judgments) if judged and spec.judgments is not None else data
