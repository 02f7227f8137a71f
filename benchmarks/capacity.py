"""`python -m benchmarks.capacity`: the capacity model compared with the points of `benchmarks/measured.json`.

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

from benchmarks.report import Report, Sheet, Value
from service.capacity.milvus import SERVER_BYTES, milvus_needs
from service.capacity.replicas import REPLICA_BYTES, SEARCH_S
from service.capacity.workload import Workload

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
    """Every point compared with the model. KeyError for a quantity that the model does not have."""
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
    shown: list[dict[str, Value]] = [
        {
            "quantity": row.quantity,
            "workload": ", ".join(f"{name} {value}" for name, value in row.workload.items()),
            "measured": row.measured,
            "model": row.model,
            "factor": row.factor,
        }
        for row in rows
    ]
    formats = {"measured": ".4g", "model": ".4g", "factor": ".2f"}
    Report([Sheet("The capacity model compared with measurements", shown, formats)]).show(as_json=as_json)
    if any(row.factor > FACTOR for row in rows):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
