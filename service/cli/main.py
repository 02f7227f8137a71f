"""Assembles the commands and turns errors into two lines: what is wrong, and what to do."""

from __future__ import annotations

import sys

import typer

from service.cli.console import show_error
from service.cli.delete import delete
from service.cli.demo import demo
from service.cli.doctor import doctor
from service.cli.evaluate import evaluate
from service.cli.index import index
from service.cli.interleave import interleave
from service.cli.judge import judge
from service.cli.keys import keys
from service.cli.measure import measure
from service.cli.models import models
from service.cli.plan import plan
from service.cli.search import search
from service.cli.serve import serve
from service.cli.signals import exit_on_signals
from service.cli.upkeep import gc, reindex
from service.errors import WithThisError

app = typer.Typer(
    name="withthis",
    help="An image and a sentence in; a complete, explained ranking of products out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (index, delete, reindex, gc, serve, search, plan, doctor, demo, evaluate, judge, measure):
    app.command()(command)
app.add_typer(models)
app.add_typer(keys)
app.add_typer(interleave)


def main() -> None:
    """Entry point of the console script. Exit status 1 for an error of ours, 2 for a wrong command line."""
    exit_on_signals()
    try:
        app()
    except WithThisError as error:
        show_error(error)
        sys.exit(1)
