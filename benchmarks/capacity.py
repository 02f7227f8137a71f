"""`python -m benchmarks.capacity`: the capacity model beside the points of `benchmarks/measured.json`.

A point names a quantity, the workload it was measured with, and its value. It is measured by hand, with
`benchmarks.milvus_capacity` and `benchmarks.service_capacity`, and written down with the machine of the day. The model
may be wrong by a factor of 1.5 at most.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from service.capacity.milvus import SERVER_BYTES, milvus_needs
from service.capacity.replicas import REPLICA_BYTES, SEARCH_S
from service.capacity.workload import Workload
from service.cli.console import out

POINTS = Path(__file__).with_name("measured.json")
FACTOR = 1.5


def _memory(work: Workload) -> float:
    return milvus_needs(work).memory_bytes


QUANTITIES: dict[str, Callable[[Workload], float]] = {
    "milvus_server_bytes": lambda work: SERVER_BYTES,
    "milvus_collection_bytes": _memory,
    "milvus_total_bytes": lambda work: SERVER_BYTES + _memory(work),
    "milvus_search_cpu_s": lambda work: milvus_needs(work).cpu_s,
    "service_resident_bytes": lambda work: REPLICA_BYTES,
    "service_search_cpu_s": lambda work: SEARCH_S,
}
"""What the model says of a quantity."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One point."""

    quantity: str
    workload: dict[str, Any]
    measured: float
    model: float

    @property
    def factor(self) -> float:
        """How far the model is off, as a factor of at least one."""
        return max(self.model / self.measured, self.measured / self.model)


def compare(points: Path = POINTS) -> list[Compared]:
    """Every point beside the model. KeyError for a quantity that the model does not have."""
    found = json.loads(points.read_text(encoding="utf-8"))["points"]
    return [
        Compared(
            point["quantity"],
            point["workload"],
            point["value"],
            QUANTITIES[point["quantity"]](Workload(**{"products": 1, "qps": 1.0, **point["workload"]})),
        )
        for point in found
    ]


def main(as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False) -> None:
    """Compare and print; exit status 1 where the model is off by more than `FACTOR`."""
    rows = compare()
    if as_json:
        keys = ("quantity", "workload", "measured", "model", "factor")
        out.print_json(json.dumps([{key: getattr(row, key) for key in keys} for row in rows]))
    else:
        table = Table(title="capacity model", title_justify="left")
        for column in ("quantity", "workload", "measured", "model", "factor"):
            table.add_column(column, justify="left" if column in ("quantity", "workload") else "right")
        for row in rows:
            work = ", ".join(f"{name} {value}" for name, value in row.workload.items())
            table.add_row(row.quantity, work, f"{row.measured:.4g}", f"{row.model:.4g}", f"{row.factor:.2f}")
        out.print(table)
    if any(row.factor > FACTOR for row in rows):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
