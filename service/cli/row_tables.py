"""Tables of figures for a terminal: a row for whatever is compared, named in the first column."""

from __future__ import annotations

from rich import box
from rich.table import Table

from service.cli.console import plain

FIRST = 12
"""Width of the first column, at least; what is longer is folded."""


def table(title: str, *columns: str, rows: str = "configuration") -> Table:
    """An empty one; `title` may be empty, and `rows` says what the rows are. On a narrow terminal, it is truncated."""
    shown = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    shown.add_column(rows, style="bold", min_width=FIRST, overflow="fold")
    for name in columns:
        shown.add_column(plain(name), justify="right", no_wrap=True)
    return shown


def p_cell(p: float) -> str:
    """A p value."""
    return f"{p:.3f}" if p >= 0.001 else "<0.001"
