"""What `withthis index` says when it is done, and its exit status."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table

from service.catalog.field_samples import FieldSample
from service.catalog.ingest import IngestReport
from service.cli.console import err, out, plain
from service.cli.send_feed import SendReport
from service.errors import InvalidInput

INCOMPLETE = 3
"""Exit status of a run that came to its end with more rejects than allowed, or kept products that are missing."""


@dataclass(frozen=True, slots=True)
class RejectLimit:
    """How many rejects are no cause for concern: a number, or a share of the lines in percent."""

    number: float
    percent: bool = False

    @classmethod
    def parse(cls, text: str) -> RejectLimit:
        """Of `--max-rejects`: 20, or 0.5%. Raises InvalidInput."""
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?%|[0-9]{1,9}", text):
            raise InvalidInput("Write --max-rejects as a number of lines, such as 20, or as a share, such as 0.5%.")
        return cls(float(text.rstrip("%")), text.endswith("%"))

    def allows(self, report: IngestReport | SendReport) -> bool:
        """Whether a run has no more rejects."""
        most = self.number / 100 * report.lines if self.percent else self.number
        return report.rejected <= most


def exit_status(report: IngestReport | SendReport, limit: RejectLimit) -> int:
    """0 if all is well."""
    return 0 if limit.allows(report) and report.objection is None else INCOMPLETE


def print_report(report: IngestReport | SendReport, rejects: Path | None, *, as_json: bool) -> None:
    """The report as JSON on stdout, or in words on stderr."""
    if as_json:
        out.print_json(json.dumps(asdict(report)))
    else:
        show_report(report, rejects)


def show_report(report: IngestReport | SendReport, rejects: Path | None) -> None:
    """How the feed was read, what its fields became, one line of counts, and where rejects are, if there are any."""
    if isinstance(report, IngestReport) and report.fields:
        err.print(_fields(report.fields))
    for note in report.notes:
        err.print(plain(note), soft_wrap=True)
    counts = {name: count for name, count in asdict(report).items() if isinstance(count, int)}
    err.print(", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items()), soft_wrap=True)
    if report.objection is not None:
        err.print(f"[yellow]{plain(report.objection)}[/]", soft_wrap=True)
    if report.rejected:
        err.print(f"[yellow]Rejected rows and the reasons are in {plain(str(rejects))}[/]", soft_wrap=True)


def _fields(fields: list[FieldSample]) -> Table:
    table = Table("field", "products", "type", "first values")
    for one in fields:
        types = ", ".join(sorted(one.types, key=lambda kind: -one.types[kind]))
        table.add_row(plain(one.name), str(one.filled), types, plain(" · ".join(one.values)))
    return table
