"""`withthis judge`: a page on this machine where a person grades what several runs found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from service.cli.console import err, plain, start
from service.cli.experiments import Demo, File, Out, Seed, chosen_experiment, data_of, results_folder
from service.cli.listening import address, listen
from service.cli.server import PoliteServer
from service.lab.judging.app import create_judging_app
from service.lab.judging.pool import DEPTH, pooled, run_files
from service.lab.judging.record import JudgmentRecord
from service.lab.judging.session import Session
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
Host = Annotated[str, typer.Option(help="Address to listen on; the page answers under it and on this machine.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on, 0 for a free one.")]


def judge(
    experiment: File = None,
    *,
    demo: Demo = False,
    folder: Out = None,
    runs: Runs = None,
    depth: Depth = DEPTH,
    qrels: Qrels = None,
    seed: Seed = None,
    host: Host = "127.0.0.1",
    port: Port = PORT,
) -> None:
    """Grade pairs of query and product that the runs of an experiment found, on a page driven by the keyboard."""
    settings = start()
    chosen = chosen_experiment(experiment, demo, settings, seed=seed)
    results_in = results_folder(experiment, folder)
    files = runs or run_files(results_in)  # before the images of a large data set are looked at
    data = data_of(chosen, results_in, judged=False)
    pairs = pooled(data, files, depth=depth, seed=chosen.seed)
    with listen(host, port) as sock, JudgmentRecord(qrels or results_in / "judged.qrels") as record:
        session = Session(chosen.name, pairs, record)
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


def _show(session: Session, url: str, runs: int, depth: int) -> None:
    progress = session.progress()
    err.print(
        f"{progress.pairs} pairs from the first {depth} of {runs} runs; {progress.judged} are judged.\n"
        f"Judge on [bold]{url}[/] and stop with Ctrl+C; every grade is saved immediately.",
        soft_wrap=True,
    )
