"""The report of a benchmark: a table in the terminal, JSON for `make bench`, and Markdown for `RESULTS.md`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from rich.table import Table

from benchmarks.terminal import out

Value = str | int | float | None
"""A cell; None if there is nothing to say."""

NOTHING = "–"
NOT_HERE = 77
"""Exit status of a benchmark that cannot run on this machine, as automake's tests have it."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table: rows that all have the same columns."""

    title: str
    rows: Sequence[Mapping[str, Value]]
    formats: Mapping[str, str] = field(default_factory=dict)
    """By column, how its numbers are written, as in `format`; three digits count elsewhere."""

    @property
    def columns(self) -> list[str]:
        """Their names, in order; none without rows."""
        return list(self.rows[0]) if self.rows else []

    def cells(self) -> Iterator[list[str]]:
        """The rows as they are read."""
        for row in self.rows:
            yield [_cell(row[name], self.formats.get(name)) for name in self.columns]

    def is_text(self, column: str) -> bool:
        """Whether the column holds no numbers."""
        return any(isinstance(row[column], str) for row in self.rows)


@dataclass(frozen=True, slots=True)
class Report:
    """All that one run found."""

    sheets: Sequence[Sheet]
    notes: Sequence[str] = ()

    def show(self, *, as_json: bool = False) -> None:
        """Print it."""
        if as_json:
            out.print_json(json.dumps(asdict(self), allow_nan=False))
            return
        for sheet in self.sheets:
            out.print(_terminal(sheet))
        for note in self.notes:
            out.print(note, soft_wrap=True)

    def markdown(self) -> str:
        """The same as Markdown, titles as headings of the third level."""
        return "\n\n".join([*map(_markdown, self.sheets), *self.notes])

    @classmethod
    def read(cls, text: str) -> Self:
        """What `show` printed as JSON. ValueError, KeyError or TypeError for anything else."""
        found: dict[str, Any] = json.loads(text)
        return cls([Sheet(**sheet) for sheet in found["sheets"]], found["notes"])


def _cell(value: Value, spec: str | None) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, str):
        return value
    if spec is not None:
        return format(value, spec)
    if isinstance(value, int) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _terminal(sheet: Sheet) -> Table:
    table = Table(title=sheet.title, title_justify="left")
    for name in sheet.columns:
        table.add_column(name, justify="left" if sheet.is_text(name) else "right")
    for row in sheet.cells():
        table.add_row(*row)
    return table


def _markdown(sheet: Sheet) -> str:
    rules = ["---" if sheet.is_text(name) else "---:" for name in sheet.columns]
    lines = [sheet.columns, rules, *sheet.cells()]
    return "\n".join([f"### {sheet.title}", "", *(f"| {' | '.join(map(_escaped, line))} |" for line in lines)])


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|").replace("\n", " ")
