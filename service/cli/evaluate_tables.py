"""An experiment's results as terminal tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table

from service.cli.console import plain
from service.cli.row_tables import FIRST, p_cell, table
from service.lab.comparison import Comparison
from service.lab.composition import PARTS, Composition
from service.lab.pool_bias import unfair
from service.lab.runner import Results
from service.lab.slices import Estimate
from service.lab.summary import Summary, signed, small_sample

INTERVAL = len("0.123–0.456")
_EDGES, _BETWEEN = 2, 3  # columns of the terminal around the tables here, and between two of their columns


def show_summaries(console: Console, results: Results, summaries: Sequence[Summary]) -> None:
    """Quality, then time and the reranker's behavior; a row for each configuration."""
    data, measures = results.data, results.measures
    console.print(
        f"\n[bold]{plain(results.experiment.name)}[/]\n{plain(data.name)}: {len(data.queries)} queries, "
        f"{len(data.documents)} documents, seed {results.experiment.seed}\n"
    )
    console.print(_quality(summaries, measures[0]))
    names = [one.name for one in summaries]
    for some in that_fit(measures[1:], INTERVAL, ["configuration", *names], console.width):
        console.print(_others(summaries, some))
    if any(one.spread for one in summaries):
        console.print(_spread(summaries, measures[0]))
    if results.composition is not None:
        _show_composition(console, results, results.composition, measures[0])
    console.print(_behavior(summaries))
    if any(one.bias for one in summaries):
        console.print(_bias(summaries))
    if not all(one.all_judged for one in summaries):
        console.print(_judged(summaries))
    _show_cautions(console, results, summaries)
    p = " p: paired randomization test against the first row, Holm-corrected over the rows." if summaries[1:] else ""
    console.print(f"[dim]Below a value: its 95 % interval over queries.{p} Times are for one query at a time.[/]")
    if data.protocol.note:
        console.print(f"[dim]{plain(data.protocol.note)}[/]")


def _quality(summaries: Sequence[Summary], measure: str) -> Table:
    compared = ["difference", "p", "win/tie/loss"] if summaries[1:] else []
    shown = table("quality", measure, *compared)
    for one in summaries:
        cells = comparison_cells(one.comparisons.get(measure)) if compared else []
        shown.add_row(plain(one.name), mean_cell(one.estimates[measure]), *cells)
    return shown


def mean_cell(found: Estimate) -> str:
    """A mean, and below it its interval."""
    return f"{found.mean:.3f}\n[dim]{found.low:.3f}–{found.high:.3f}[/]"


def _spread(summaries: Sequence[Summary], measure: str) -> Table:
    """How much the wording decides: the range of a measure within each topic."""
    shown = table("spread over the wordings of a topic", measure, "topics")
    for one in summaries:
        shown.add_row(plain(one.name), mean_cell(one.spread[measure]), str(len(one.scores.spread[measure])))
    return shown


def _show_composition(console: Console, results: Results, found: Composition, measure: str) -> None:
    """Text alone, image alone and both, and what they tell."""
    seed = results.experiment.seed
    shown, gap = table("was composition needed?", measure, rows="asked with"), found.gap(measure, seed)
    for part, name in zip(PARTS, ("text alone", "image alone", "both"), strict=True):
        shown.add_row(name, mean_cell(found.estimate(part, measure, seed)))
    shown.add_row("gap", f"{signed(gap.mean)}\n[dim]{signed(gap.low)}…{signed(gap.high)}[/]")
    console.print(shown)
    console.print(
        f"The composed queries ({len(found.both.units)}), retrieved as by “{plain(found.name)}” and not reranked. One "
        f"modality alone puts a product of the best grade first for {found.share_solved:.1%} of them."
    )


def _show_cautions(console: Console, results: Results, summaries: Sequence[Summary]) -> None:
    """What weakens the numbers."""
    measure, units = results.measures[0], len(summaries[0].scores.units)
    if told := small_sample(units, [one.comparisons.get(measure) for one in summaries]):
        console.print(told)
    if results.unjudged:
        console.print(f"Queries that nobody judged were left out ({len(results.unjudged)}): {_some(results.unjudged)}")
    if results.left_out:
        console.print(f"Left out, since the image cannot be used: {_some(results.left_out)}")
    for one in summaries:
        if one.unanswered:
            console.print(
                f"[yellow]{plain(one.name)}: {one.unanswered} of {len(one.answered.outcomes)} queries got no answer "
                "from the model server and count in retrieval order. Run it again to ask for them.[/]"
            )

    for found in unfair(results.data, {one.name: one.judged for one in summaries}):
        console.print(f"[yellow]{plain(found)}[/]")


def _some(ids: Sequence[str]) -> str:
    return plain(", ".join(ids[:10]) + (" …" if len(ids) > 10 else ""))


def comparison_cells(found: Comparison | None) -> list[str]:
    """Difference with its interval, corrected p, and win/tie/loss; empty for what is compared with nothing."""
    if found is None:
        return ["", "", ""]
    colour = ("green" if found.is_better else "red") if found.is_significant else "default"
    return [
        f"[{colour}]{signed(found.difference)}[/]\n[dim]{signed(found.low)}…{signed(found.high)}[/]",
        p_cell(found.p_corrected),
        f"{len(found.wins)}/{len(found.ties)}/{len(found.losses)}",
    ]


def that_fit(columns: Sequence[str], cell: int, names: Sequence[str], width: int) -> Iterator[list[str]]:
    """The columns in groups whose tables fit a terminal of this width. `cell`: the width of a value; `names`: what
    stands in the first column.
    """
    left = width - _EDGES - min(24, max(FIRST, *map(len, names)))
    group: list[str] = []
    for column in columns:
        if group and sum(max(len(name), cell) + _BETWEEN for name in (*group, column)) > left:
            yield group
            group = []
        group.append(column)
    if group:
        yield group


def _others(summaries: Sequence[Summary], measures: Sequence[str]) -> Table:
    shown = table("further measures", *measures)
    for one in summaries:
        shown.add_row(plain(one.name), *(mean_cell(one.estimates[measure]) for measure in measures))
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


def _judged(summaries: Sequence[Summary]) -> Table:
    """How much of what is measured was judged; the rest counts as not relevant."""
    shown = table("how much of it was judged", *(f"Judged@{depth}" for depth in summaries[0].judged))
    for one in summaries:
        shown.add_row(plain(one.name), *(f"{share:.1%}" for share in one.judged.values()))
    return shown


def _faults(one: Summary) -> list[str]:
    found = one.reranking
    if found is None:
        return [""] * 4
    degraded = sum(found.degraded.values()) / found.queries
    tokens = f"{found.prompt_tokens:,.0f}+{found.generated_tokens:,.0f}"
    return [f"{found.faulty:.1%}", f"{found.repaired:.1%}", f"{degraded:.1%}", tokens]
