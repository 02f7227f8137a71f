"""The consoles of the commands: results go to stdout, everything else to stderr, so output can be piped."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from service.errors import WithThisError
from service.server.error_message import advice
from service.server.observability.request_log import JsonFormatter, LineFormatter, TextFormatter
from service.settings import Settings, load_settings
from service.support.printable import printable

out = Console()
err = Console(stderr=True)


def start(**overrides: object) -> Settings:
    """Read the settings and set up logging; what every command does first. Options that are None are left out."""
    settings = load_settings(**{name: value for name, value in overrides.items() if value is not None})
    log_as(settings)
    return settings


def log_as(settings: Settings) -> None:
    """Set up logging, again if it was before."""
    logging.basicConfig(
        level=settings.server.log_level,
        handlers=[_log_handler(settings)],
        force=True,
    )
    for noisy in ("httpx", "httpcore", "milvus_lite", "faiss", "matplotlib"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _log_handler(settings: Settings) -> logging.Handler:
    if settings.server.log_format == "text" and err.is_terminal:
        rich = RichHandler(console=err, show_path=False, rich_tracebacks=False)
        rich.setFormatter(TextFormatter())
        return rich
    handler = logging.StreamHandler()
    handler.setFormatter(LineFormatter() if settings.server.log_format == "text" else JsonFormatter())
    return handler


def plain(text: object) -> str:
    """Text from outside for a console or a table: markup and control sequences are neutralized."""
    return escape(printable(str(text)))


def show_error(error: WithThisError) -> None:
    """The message of an error: what is wrong and what to do, at each wrong place if it names any."""
    detail = escape(printable(advice(error.detail, error.places), keep="\n"))
    err.print(f"[bold red]{plain(error.title)}[/]\n{detail}", soft_wrap=True)


class _Rate(ProgressColumn):
    """Steps per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.1f}/s")


class Tell(Protocol):
    """Says how far a piece of work is."""

    def __call__(self, done: int, total: int | None) -> None:
        """Steps that are done, and how many there are, as far as it is known."""
        ...


@contextmanager
def progress(what: str) -> Iterator[Tell]:
    """A bar for long work, which is told how far it is."""
    with progress_bar() as bar:
        task = bar.add_task(what, total=None)

        def tell(done: int, total: int | None) -> None:
            bar.update(task, completed=done, total=total)

        yield tell
        bar.update(task, completed=bar.tasks[task].total)


def progress_bar() -> Progress:
    """A bar with counts, rate, time taken and time left, on stderr."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=err,
    )
