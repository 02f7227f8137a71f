"""`python -m benchmarks.versus --base COMMIT`: this checkout against an earlier commit, in the same environment.

The commit is unpacked into a temporary folder. Base and now take turns, A B A B; the medians count. Both run with the
packages that are installed here, on the same feeds and queries, each over stores that its own code wrote. What a row
measures is seen from outside the process where that can be: HTTP, the command line, memory as the system counts it.

A run that was broken off goes on where it stopped, if it is the same day and no file differs from the commit.
Ends with 1 if a target was missed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.machine import ROOT, commit, instruction_sets, machine
from benchmarks.milvus_server import MilvusServerError
from benchmarks.report import NOT_HERE, Report
from benchmarks.tables import Size
from benchmarks.terminal import err
from benchmarks.versus.journal import Journal
from benchmarks.versus.probes import Catalog, Extent, Help, Indexing, Probe, Puts, Shop, Workers
from benchmarks.versus.targets import KEYS, missed, sheet
from benchmarks.versus.tree import Tree, checked_out, full_hash
from starter.demo_shop import DEMO_DIR, make_shop

EXTENTS = {
    Size.FULL: Extent(30, 10, 6, 12, images=180, rows=20_000, put_rows=2_000),
    Size.QUICK: Extent(10, 3, 3, 5, images=90, rows=2_000, put_rows=300),
}


def new_probes(folder: Path, extent: Extent) -> list[Probe]:
    """All of them; `folder` is for files that both checkouts read."""
    small, shop = (make_shop(DEMO_DIR / f"shop-{count}", count).absolute() for count in (90, 900))
    feed = make_shop(DEMO_DIR / f"shop-{extent.images}", extent.images).absolute()
    query = next(iter(sorted(small.parent.glob("images/*"))))
    return [
        Help(),
        Shop(shop if extent.rows >= len(list(shop.parent.glob("images/*"))) * 10 else small, extent),
        Catalog(folder, query, extent),
        Indexing(small, feed),
        Puts(extent),
        Workers(small),
    ]


def alternate(probe: Probe, trees: Sequence[Tree], rounds: int, wanted: set[str], journal: Journal) -> str | None:
    """Measure the rows of one probe, in turns; why they were left out, if they were."""
    turns = [(number, tree) for number in range(min(rounds, probe.most)) for tree in trees]
    todo = {
        (number, tree): {row for row in probe.rows if row in wanted and not journal.has(row, tree.name, number)}
        for number, tree in turns
    }
    if not any(todo.values()):
        return None
    try:
        for tree in trees:
            probe.prepare(tree, wanted.intersection(probe.rows))
        for (number, tree), rows in todo.items():
            if rows:
                err.print(f"{', '.join(sorted(rows))}: alternation {number + 1}, {tree.name}")
                for row, value in probe.measure(tree, rows).items():
                    if row in rows:
                        journal.add(row, tree.name, number, value)
    except MilvusServerError as error:
        return f"Left out: {', '.join(probe.rows)}; {error}."
    return None


def main(
    base: Annotated[str, typer.Option(envvar="WITHTHIS_BENCH_BASE", help="The earlier commit.")] = "616fdf5",
    rounds: Annotated[int, typer.Option(min=1, help="Alternations; the medians count.")] = 5,
    size: Annotated[Size, typer.Option(help="How much one alternation measures.")] = Size.FULL,
    rows: Annotated[str, typer.Option(help=f"Some of: {', '.join(KEYS)}; separated by commas.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Measure and print."""
    wanted = set(filter(None, rows.split(","))) or set(KEYS)
    if unknown := wanted.difference(KEYS):
        raise typer.BadParameter(f"There is no row {', '.join(sorted(unknown))}; there are {', '.join(KEYS)}.")
    hashed, now = full_hash(base), commit()
    if hashed is None:
        err.print(f"There is no commit {base} in this repository.")
        raise typer.Exit(NOT_HERE)
    today = datetime.now(UTC)
    identity = {"base": hashed, "now": now, "size": str(size), "machine": machine(), "day": today.date().isoformat()}
    if "with changes" in now:
        identity["time"] = today.isoformat()
    journal = Journal(ROOT / DEMO_DIR / f"versus-{size}.jsonl", identity)
    with tempfile.TemporaryDirectory() as folder, checked_out(hashed) as trees:
        left_out = [alternate(one, trees, rounds, wanted, journal) for one in new_probes(Path(folder), EXTENTS[size])]
    samples = {row: values for row, values in journal.samples().items() if row in wanted}
    notes = [f"Instruction sets: {instruction_sets()}.", *filter(None, left_out)]
    title = f"{now} against {hashed[:10]}, medians of alternations"
    Report([sheet(title, samples)], notes).show(as_json=as_json)
    journal.done()
    if missed(samples):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
