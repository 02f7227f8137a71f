"""An experiment's results as terminal tables."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from service.cli.console import plain
from service.lab.comparison import Comparison
from service.lab.runner import Results
from service.lab.summary import Summary, measures_of, signed

SIGNIFICANT = 0.05


def show_summaries(console: Console, results: Results, summaries: Sequence[Summary]) -> None:
    """Quality, then time and the reranker's behavior; a row for each configuration."""
    data, measures = results.data, measures_of(results)
    console.print(
        f"\n[bold]{plain(results.experiment.name)}[/]\n{plain(data.name)}: {len(data.queries)} queries, "
        f"{len(data.documents)} documents, seed {results.experiment.seed}\n"
    )
    console.print(_quality(summaries, measures[0]))
    if len(measures) > 1:
        console.print(_others(summaries, measures[1:]))
    console.print(_behavior(summaries))
    if any(one.bias for one in summaries):
        console.print(_bias(summaries))
    console.print(
        "[dim]Below a value: its 95 % bootstrap interval over queries. p: paired randomization test against the first "
        "row, Holm-corrected over the rows. Times are for one query at a time.[/]"
    )
    if data.protocol.note:
        console.print(f"[dim]{plain(data.protocol.note)}[/]")


def table(title: str, *columns: str, rows: str = "configuration") -> Table:
    """A table whose first column names the rows; on a narrow terminal, it is truncated."""
    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    shown.add_column(rows, style="bold", min_width=12, overflow="fold")
    for name in columns:
        shown.add_column(plain(name), justify="right", no_wrap=True)
    return shown


def _quality(summaries: Sequence[Summary], measure: str) -> Table:
    shown = table("quality", measure, "difference", "p", "win/tie/loss")
    for one in summaries:
        found = one.estimates[measure]
        mean = f"{found.mean:.3f}\n[dim]{found.low:.3f}–{found.high:.3f}[/]"
        shown.add_row(plain(one.name), mean, *comparison_cells(one.comparisons.get(measure)))
    return shown


def comparison_cells(found: Comparison | None) -> list[str]:
    """Difference with its interval, corrected p, and win/tie/loss; empty for what is compared with nothing."""
    if found is None:
        return ["", "", ""]
    colour = ("green" if found.difference > 0 else "red") if found.p_corrected < SIGNIFICANT else "default"
    return [
        f"[{colour}]{signed(found.difference)}[/]\n[dim]{signed(found.low)}…{signed(found.high)}[/]",
        f"{found.p_corrected:.3f}" if found.p_corrected >= 0.001 else "<0.001",
        f"{len(found.wins)}/{len(found.ties)}/{len(found.losses)}",
    ]


def _others(summaries: Sequence[Summary], measures: Sequence[str]) -> Table:
    shown = table("further measures", *measures)
    for one in summaries:
        shown.add_row(plain(one.name), *(f"{one.estimates[measure].mean:.3f}" for measure in measures))
    return shown


def _behavior(summaries: Sequence[Summary]) -> Table:
    priced = any(one.cost is not None for one in summaries)
    names = ["p50 ms", "p95 ms", "faults", "repaired", "degraded", "tokens"]
    shown = table("time and reranker", *names, *(["cost/1,000"] if priced else []))
    for one in summaries:
        total = one.latency["total"]
        cost = [] if not priced else ["" if one.cost is None else f"{one.cost:.2f}"]
        shown.add_row(plain(one.name), f"{total.p50:,.0f}", f"{total.p95:,.0f}", *_faults(one), *cost)
    return shown


def _bias(summaries: Sequence[Summary]) -> Table:
    """The same candidates in several orders; without bias tau is 1 and the others are 0."""
    shown = table("position bias", "queries", "orders", "tau", "first changed", "places moved")
    for one in summaries:
        if one.bias is not None:
            found = one.bias
            moved = [f"{found.tau:.3f}", f"{found.first_changed:.1%}", f"{found.displacement:.2f}"]
            shown.add_row(plain(one.name), str(found.queries), f"{found.orders:.1f}", *moved)
    return shown


def _faults(one: Summary) -> list[str]:
    found = one.reranking
    if found is None:
        return [""] * 4
    degraded = sum(found.degraded.values()) / found.queries
    tokens = f"{found.prompt_tokens:,.0f}+{found.generated_tokens:,.0f}"
    return [f"{found.faulty:.1%}", f"{found.repaired:.1%}", f"{degraded:.1%}", tokens]
