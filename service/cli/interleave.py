"""`withthis interleave report LOG_FOLDER`: which of two interleaved configurations do users prefer?"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from service.cli.console import out, plain
from service.search.online.log_reader import SearchLog
from service.search.online.report import Comparison, Preference, Report, interleaving_report
from service.wire.feedback import FEEDBACK_KINDS, FeedbackKind

SIGNIFICANT = 0.05

interleave = typer.Typer(name="interleave", help="Two configurations compared by interleaving.", no_args_is_help=True)

Folder = Annotated[
    Path, typer.Argument(help="The folder named by WITHTHIS_SEARCH_LOG, with the logs of all processes.")
]
Event = Annotated[FeedbackKind | None, typer.Option(help="Count only these events.")]
Since = Annotated[datetime | None, typer.Option(help="Leave out searches before this time (UTC): 2026-01-31.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the report as JSON.")]


@interleave.callback()
def _group() -> None:
    """Keep `report` a subcommand."""


@interleave.command("report")
def report(log_folder: Folder, event: Event = None, since: Since = None, *, as_json: AsJson = False) -> None:
    """Wins of each configuration, the share of the second, its confidence interval and a p value, by kind of event."""
    start = since.replace(tzinfo=UTC) if since is not None else None
    found = interleaving_report(SearchLog(log_folder), (event,) if event else FEEDBACK_KINDS, start)
    if as_json:
        out.print_json(json.dumps(_as_json(found)))
    else:
        _show(found)


def _as_json(found: Report) -> dict[str, object]:
    return {
        "searches": found.searches,
        "events": found.events,
        "unused_events": found.unused,
        "damaged_lines": found.damaged,
        "comparisons": [_comparison_json(one) for one in found.comparisons],
    }


def _comparison_json(one: Comparison) -> dict[str, object]:
    return {
        "encoder": one.pair.encoder.model_dump(),
        "a": one.pair.a.model_dump(),
        "b": one.pair.b.model_dump(),
        "searches": one.searches,
        "preferences": [
            {
                "event": found.event,
                "wins_a": found.wins_a,
                "wins_b": found.wins_b,
                "ties": found.ties,
                "share_b": found.share_b,
                "interval_95": found.interval,
                "p": found.p,
            }
            for found in one.preferences
        ],
    }


def _show(found: Report) -> None:
    for one in found.comparisons:
        out.print(f"\nA  {plain(one.pair.a.name)}\nB  {plain(one.pair.b.name)}", soft_wrap=True)
        out.print(f"[dim]{one.searches:,} interleaved searches, encoder {plain(one.pair.encoder.id)}[/]")
        out.print(_table(one))
    if not found.comparisons:
        out.print("No search in this log was interleaved. Set WITHTHIS_INTERLEAVE, or give an earlier --since.")
    unused = ", ".join(f"{why.replace('_', ' ')} {number:,}" for why, number in found.unused.items() if number)
    out.print(f"{found.searches:,} searches and {found.events:,} events; not counted: {unused or 'none'}.")
    if found.damaged:
        out.print(f"Damaged lines skipped: {found.damaged:,}.")
    out.print(
        "[dim]A query is won by the side with more such products. Share of B and p (two-sided sign test) are "
        "without ties; the interval is Wilson's.[/]"
    )


def _table(one: Comparison) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("event", style="bold")
    for name in ("A wins", "B wins", "ties", "share of B", "95 % interval", "p"):
        table.add_column(name, justify="right", no_wrap=True)
    for found in one.preferences:
        table.add_row(found.event.replace("_", " "), f"{found.wins_a:,}", f"{found.wins_b:,}", *_figures(found))
    return table


def _figures(found: Preference) -> list[str]:
    ties = f"{found.ties:,}"
    if found.share_b is None:
        return [ties, "", "", ""]
    low, high = found.interval
    colour = ("green" if found.share_b > 0.5 else "red") if found.p < SIGNIFICANT else "default"
    p = f"{found.p:.3f}" if found.p >= 0.001 else "<0.001"
    return [ties, f"[{colour}]{found.share_b:.1%}[/]", f"{low:.1%}–{high:.1%}", p]
