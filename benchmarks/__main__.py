"""`make bench`, or `python -m benchmarks`: measures the tables, one at a time, and writes `RESULTS.md`.

A table that was measured today at this size, on this machine and with these versions is left as it is, so that a run
that was broken off resumes where it stopped; `--again` measures it again. The commit does not count: whoever has
changed what a table measures asks for it again.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from benchmarks.child import BenchmarkError, NotHereError, run
from benchmarks.machine import ROOT, commit, machine, versions
from benchmarks.results import Results
from benchmarks.tables import TABLES, BenchTable, Size
from benchmarks.terminal import err, out
from starter.demo_shop import DEMO_DIR

NAMES = [table.name for table in TABLES]
RESULTS = {Size.FULL: ROOT / "benchmarks/RESULTS.md", Size.QUICK: ROOT / DEMO_DIR / "RESULTS-quick.md"}
"""Quick figures say little, and do not replace others."""


def stamp(size: Size) -> str:
    """The line by which a result is known to be today's."""
    today = datetime.now(UTC).date().isoformat()
    return f"Measured on {today} (UTC) at {size} size. {machine()}. {versions()}."


def measure(table: BenchTable, size: Size, results: Results) -> bool:
    """Run one benchmark, print its tables and keep them; False if it failed."""
    load, begin = os.getloadavg()[0], time.monotonic()
    try:
        outcome = run(f"benchmarks.{table.name}", table.options(size))
    except BenchmarkError as error:
        err.print(f"{table.name}: {error}", style="yellow" if isinstance(error, NotHereError) else "bold red")
        return isinstance(error, NotHereError)
    seconds = time.monotonic() - begin
    outcome.report.show()
    options = " ".join(table.options(size))
    facts = f"`{f'python -m benchmarks.{table.name} {options}'.strip()}`, {seconds:.0f} s, load before {load:.1f}"
    results.put(table.name, stamp(size), f"Commit {commit()}; {facts}.\n\n{outcome.markdown()}")
    return True


def chosen(names: list[str]) -> list[BenchTable]:
    """The tables by these names, or those that are wanted. Raises BadParameter for an unknown name."""
    if unknown := sorted(set(names) - set(NAMES)):
        raise typer.BadParameter(f"There is no table {', '.join(unknown)}; there are {', '.join(NAMES)}.")
    return [table for table in TABLES if (table.name in names if names else table.wanted)]


def listing() -> Table:
    """All tables."""
    table = Table("table", "what", "full size, s", "quick, s", "by default")
    for one in TABLES:
        times = (str(one.seconds[size]) for size in (Size.FULL, Size.QUICK))
        table.add_row(one.name, one.about, *times, "yes" if one.wanted else "no")
    return table


def main(
    tables: Annotated[list[str] | None, typer.Argument(help="Which tables; by default those of --list.")] = None,
    *,
    size: Annotated[Size, typer.Option(help="quick: only to check that they work.")] = Size.FULL,
    again: Annotated[bool, typer.Option("--again", help="Also measure what was measured today.")] = False,
    show_list: Annotated[bool, typer.Option("--list", help="List the tables.")] = False,
    results: Annotated[Path | None, typer.Option(help="The file to write; RESULTS.md for the full size.")] = None,
) -> None:
    """Measure tables and write them down; ends with 1 if one failed."""
    if show_list:
        out.print(listing())
        return
    file = results or RESULTS[size]
    asked, kept = chosen(tables or []), Results(file, NAMES)
    todo = [table for table in asked if again or not kept.has(table.name, stamp(size))]
    for table in asked:
        if table not in todo:
            err.print(f"{table.name}: measured today already; --again (make bench AGAIN=1) measures it again")
    err.print(f"{len(todo)} tables, about {sum(one.seconds[size] for one in todo) / 60:.0f} minutes on an idle machine")
    failed = []
    for number, table in enumerate(todo, 1):
        err.rule(f"{number}/{len(todo)} {table.name}: {table.about} (about {table.seconds[size]} s)")
        if not measure(table, size, kept):
            failed.append(table.name)
    out.print(f"Written to {file}", soft_wrap=True)
    if failed:
        err.print(f"No result of: {', '.join(failed)}. The lines above say why.", style="bold red")
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
