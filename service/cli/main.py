"""Assembles the commands and turns errors into two lines: what is wrong, and what to do."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from service.cli.deferred import DeferredGroup
from service.cli.signals import exit_on_signals
from service.errors import WithThisError
from service.support import garbage
from service.support.openmp import sleep_when_idle
from service.support.version import package_version

app = typer.Typer(name="withthis", cls=DeferredGroup, add_completion=False, pretty_exceptions_enable=False)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"withthis {package_version()}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")]


@app.callback(no_args_is_help=True)
def withthis(version: Version = False) -> None:
    """An image and a sentence in; a complete, explained ranking of products out."""


def main() -> None:
    """Entry point of the console script. Exit status 1 for an error of ours, 2 for a wrong command line."""
    exit_on_signals()
    sleep_when_idle()
    garbage.collect_seldom()
    try:
        app()
    except WithThisError as error:
        from service.cli.console import show_error  # noqa: PLC0415 (brings the settings)

        show_error(error)
        sys.exit(1)
