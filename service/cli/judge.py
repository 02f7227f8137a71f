"""`withthis judge`: a page on this machine where a person grades what several runs found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from service.cli.console import err, plain, start
from service.cli.experiments import Demo, File, Out, Seed, chosen_experiment, data_of, results_folder
from service.cli.listening import address, listen
from service.cli.model_judge import NAME, judge_with_model
from service.cli.server import PoliteServer
from service.errors import InvalidInput
from service.lab.experiment import Experiment, Judging
from service.lab.judging.app import create_judging_app
from service.lab.judging.assignment import assigned
from service.lab.judging.judges import UNNAMED, judge_path, known_judge, read_judge
from service.lab.judging.pool import DEPTH, Pair, pooled, run_files
from service.lab.judging.record import JudgmentRecord
from service.lab.judging.session import Session
from service.lab.lab_errors import LabError
from service.server.access.auth import is_loopback

PORT = 8010
EXPOSED = "The page has no keys: anyone who can reach this port can judge."

Runs = Annotated[
    list[Path] | None,
    typer.Option("--run", help="A run in TREC format to pool. Can be repeated. Default: the runs of the folder."),
]
Depth = Annotated[int, typer.Option(min=1, max=1000, help="How many of the top documents of each run are judged.")]
Qrels = Annotated[
    Path | None,
    typer.Option("--qrels", help="File of the judgments, to resume from. Default: judged.qrels in the folder."),
]
Name = Annotated[
    str | None, typer.Option("--judge", help="Who judges; the record is judges/NAME.qrels in the folder, with notes.")
]
ByModel = Annotated[
    bool, typer.Option("--vlm", help="Let the model of the experiment's `judging` grade, instead of serving the page.")
]
Suggestions = Annotated[
    str | None, typer.Option("--suggestions", help="Show the grades and reasons of this judge, to be corrected.")
]
Host = Annotated[str, typer.Option(help="Address to listen on; the page answers under it and on this machine.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on, 0 for a free one.")]


def judge(
    experiment: File = None,
    *,
    demo: Demo = False,
    folder: Out = None,
    runs: Runs = None,
    depth: Depth = DEPTH,
    name: Name = None,
    suggestions: Suggestions = None,
    by_model: ByModel = False,
    qrels: Qrels = None,
    seed: Seed = None,
    host: Host = "127.0.0.1",
    port: Port = PORT,
) -> None:
    """Grade pairs of query and product that the runs of an experiment found, on a page driven by the keyboard."""
    settings = start()
    if qrels is not None and (name is not None or by_model):
        raise InvalidInput("Give either a judge, who has a record of their own, or --qrels.")
    if by_model and suggestions is not None:
        raise InvalidInput("A model is shown no suggestions. Leave --suggestions or --vlm out.")
    chosen = chosen_experiment(experiment, demo, settings, seed=seed)
    results_in = results_folder(experiment, folder)
    record_path = None if by_model else _record_path(chosen.judging, results_in, name, qrels)
    suggesting = None if suggestions is None else known_judge(results_in, suggestions, chosen.judging.scale)
    files = runs or run_files(results_in)  # before the images of a large data set are looked at
    data = data_of(chosen, results_in, judged=False)
    pool = pooled(data, files, depth=depth, seed=chosen.seed)
    if record_path is None:
        judge_with_model(chosen, pool, results_in, judge_path(results_in, name or NAME))
        return
    pairs = _own_pairs(chosen, pool, name)
    with listen(host, port, chosen_by="--port") as sock, JudgmentRecord(record_path) as record:
        session = Session(
            chosen.name,
            pairs,
            record,
            judge=name,
            scale=chosen.judging.scale,
            guidelines=chosen.judging.guidelines,
            suggesting=suggesting,
        )
        app = create_judging_app(session, port=sock.getsockname()[1], host=host)
        if not is_loopback(host):
            err.print(f"[yellow]{EXPOSED}[/]")
        _show(session, address(sock), len(files), depth)
        try:
            PoliteServer(app, settings.model_copy(update={"shutdown_delay_s": 0})).run(sockets=[sock])
        finally:  # after Ctrl+C, too, which the server passes on when it has stopped
            done = session.progress()
            file = plain(str(record.path))
            err.print(f"\n{done.judged} of {done.pairs} pairs are judged, in {file}", soft_wrap=True)


def _record_path(judging: Judging, folder: Path, name: str | None, qrels: Path | None) -> Path:
    """The judge's own record. Raises LabError for a name that nobody has, or that a model has."""
    if name is None:
        if judging.judges and qrels is None:
            raise LabError(f"Several people judge this experiment. Say who you are: --judge {_any_of(judging.judges)}.")
        return qrels or folder / UNNAMED
    if judging.judges and name not in judging.judges:
        raise LabError(f"{name!r} is not one of the experiment's judges: {', '.join(judging.judges)}.")
    path = judge_path(folder, name)
    if path.exists() and (model := read_judge(path).model) is not None:
        raise LabError(
            f"The record {path} is of a model, {model}. Judge under a name of your own; --suggestions {name} shows its "
            "grades."
        )
    return path


def _own_pairs(chosen: Experiment, pairs: tuple[Pair, ...], name: str | None) -> tuple[Pair, ...]:
    """Those that this judge is to grade."""
    judging = chosen.judging
    if name is None or not judging.judges:
        return pairs
    return assigned(pairs, name, judging.judges, overlap=judging.overlap, seed=chosen.seed)


def _any_of(names: Sequence[str]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)


def _show(session: Session, url: str, runs: int, depth: int) -> None:
    progress = session.progress()
    err.print(
        f"{progress.pairs} pairs from the first {depth} of {runs} runs; {progress.judged} are judged.\n"
        f"Judge on [bold]{url}[/] and stop with Ctrl+C; every grade is saved immediately.",
        soft_wrap=True,
    )
