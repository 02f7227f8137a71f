"""Where the commands print: results to stdout, everything else to stderr, so that output can be piped."""

from __future__ import annotations

import logging

from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from service.errors import WithThisError
from service.settings import Settings, load_settings

out = Console()
err = Console(stderr=True)


def start(**overrides: object) -> Settings:
    """Read the settings and set up logging; what every command does first. Options that are None are left out."""
    settings = load_settings(**{name: value for name, value in overrides.items() if value is not None})
    logging.basicConfig(
        level=settings.log_level,
        format="%(message)s",
        handlers=[RichHandler(console=err, show_path=False, rich_tracebacks=False)],
        force=True,
    )
    for noisy in ("httpx", "httpcore", "pymilvus", "milvus_lite", "faiss"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    return settings


def show_error(error: WithThisError) -> None:
    """What is wrong and what to do about it."""
    err.print(f"[bold red]{escape(error.title)}[/]\n{escape(error.detail)}", soft_wrap=True)


def progress_bar() -> Progress:
    """A bar with counts and times, on stderr."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=err,
    )
