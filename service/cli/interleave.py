"""`withthis interleave`: how many users a comparison needs, and which of two configurations they prefer."""

from __future__ import annotations

import json
import math
from typing import Annotated

import typer
from rich.table import Table

from service.cli.console import out, plain
from service.cli.row_tables import p_cell, table
from service.cli.search_log_options import LogFolder, Since, in_utc
from service.errors import InvalidInput
from service.search.online.log_reader import SearchLog
from service.search.online.report import Comparison, Preference, Report, interleaving_report
from service.search.online.sign_test import units_needed
from service.wire.feedback import FEEDBACK_KINDS, FeedbackKind

SIGNIFICANT = 0.05

interleave = typer.Typer(name="interleave", help="Two configurations compared by interleaving.", no_args_is_help=True)

Event = Annotated[FeedbackKind | None, typer.Option(help="Count only these events.")]
Share = Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of decided users that it wins, such as 0.55.")]
Decided = Annotated[
    float, typer.Option(min=0.0001, max=1.0, help="Share of interleaved users with a winner; see an earlier report.")
]
Power = Annotated[float, typer.Option(min=0.5, max=0.999, help="How often such a share is to be found.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the report as JSON.")]


@interleave.callback()
def _group() -> None:
    """Both are subcommands."""


@interleave.command("report")
def report(log_folder: LogFolder, event: Event = None, since: Since = None, *, as_json: AsJson = False) -> None:
    """Wins of each configuration, the share of the second, its confidence interval and a p value, by kind of event."""
    found = interleaving_report(SearchLog(log_folder), (event,) if event else FEEDBACK_KINDS, in_utc(since))
    if as_json:
        out.print_json(json.dumps(_as_json(found)))
    else:
        _show(found)


@interleave.command("plan")
def plan(share: Share = 0.55, decided: Decided = 0.2, power: Power = 0.8, *, as_json: AsJson = False) -> None:
    """How many users it takes to find that the second configuration wins a share of them."""
    try:
        users = units_needed(share, power=power)
    except ValueError as error:
        raise InvalidInput(f"This cannot be planned: {error}. Give another --share.") from error
    searches = math.ceil(users / decided)
    if as_json:
        out.print_json(json.dumps({"decided_users": users, "users": searches, "share": share, "power": power}))
        return
    out.print(
        f"To find a share of {share:.1%} in {power:.0%} of such comparisons (two-sided, p < {SIGNIFICANT}): about "
        f"{users:,} users that one side wins, so {searches:,} interleaved users if {decided:.0%} of them decide.\n"
        "Look once, when there are as many; or look at `p any time`, as often as you like.",
        soft_wrap=True,
    )


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
                "p_any_time": found.p_any_time,
                "searches": found.searches,
                "detectable_share": found.detectable,
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
        "[dim]A search is won by the side with more such products; what both orders begin with counts for neither. "
        "Wins are users, by `session`; without one, each search is a user. Share of B and p (two-sided sign test, for "
        "one look at a time set before) are without ties; below the share is Wilson's 95 % interval. p any time holds "
        "at any number of looks.[/]"
    )


def _table(one: Comparison) -> Table:
    shown = table("", "A wins", "B wins", "ties", "share of B", "p", "p any time", rows="event")
    for found in one.preferences:
        shown.add_row(found.event.replace("_", " "), f"{found.wins_a:,}", f"{found.wins_b:,}", *_figures(found))
    return shown


def _figures(found: Preference) -> list[str]:
    ties = f"{found.ties:,}"
    if found.share_b is None:
        return [ties, *[""] * 3]
    low, high = found.interval
    color = ("green" if found.share_b > 0.5 else "red") if found.p_any_time < SIGNIFICANT else "default"
    share = f"[{color}]{found.share_b:.1%}[/]\n[dim]{low:.1%}–{high:.1%}[/]"
    return [ties, share, p_cell(found.p), p_cell(found.p_any_time)]
