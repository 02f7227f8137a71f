"""Options of the commands that read a search log."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

LogFolder = Annotated[
    Path, typer.Argument(help="The folder named by WITHTHIS_SEARCH_LOG, with the logs of all processes.")
]
Since = Annotated[datetime | None, typer.Option(help="Leave out searches before this time (UTC): 2026-01-31.")]


def in_utc(since: datetime | None) -> datetime | None:
    """The time that was given, which is in UTC."""
    return None if since is None else since.replace(tzinfo=UTC)
