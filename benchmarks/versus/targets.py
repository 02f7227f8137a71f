"""The rows of the table: what is measured, in which unit, and what is to be reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from benchmarks.report import Sheet, Value

Samples = Mapping[str, Mapping[str, Sequence[float]]]
"""By row and tree (`base`, `now`), the values of all alternations."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row. The target is about the ratio of now to base, or about today's value itself."""

    key: str
    what: str
    unit: str
    target: float
    sign: Literal["≤", "≥"] = "≤"
    of: Literal["ratio", "now"] = "ratio"

    def reached(self, base: float, now: float) -> bool:
        """Whether the medians reach the target."""
        value = now / base if self.of == "ratio" else now
        return value <= self.target if self.sign == "≤" else value >= self.target

    @property
    def aim(self) -> str:
        """The target as it is read."""
        return f"{self.sign} {self.target:g}{'×' if self.of == 'ratio' else f' {self.unit}'}"


ROWS = (
    Row("composed", "composed search without rerank, p50", "ms", 0.5),
    Row("reranked", "reranked search, p50", "ms", 0.45),
    Row("throughput", "32 clients, without rerank", "searches/s", 2, "≥"),
    Row("throughput-reranked", "32 clients, with rerank", "searches/s", 3, "≥"),
    Row("indexing", "bulk indexing", "images/s", 2, "≥"),
    Row("ready", "start to /readyz", "s", 0.5),
    Row("help", "CPU of `withthis --help`", "s", 0.4, of="now"),
    Row("memory", "resident after searches, starter", "MB", 0.8),
    Row("workers", "PSS of --workers 2, of that of two services", "×", 0.75, of="now"),
    Row("filter", "attribute filter at 20,000 rows on Lite, of unfiltered", "×", 5, of="now"),
    Row("put", "search of rows written by PUT on Lite, of bulk", "×", 1.3, of="now"),
    Row("hybrid", "hybrid search at 20,000 rows, p50", "ms", 0.6),
    Row("faceted", "faceted search at 20,000 rows, p50", "ms", 0.6),
    Row("load-jpeg", "stage load, nine 3,000-pixel JPEG", "ms", 0.05),
    Row("load-png", "stage load, nine 3,000-pixel PNG with alpha", "ms", 0.05),
    Row("own", "the service's own part, p50", "ms", 3, of="now"),
)
KEYS = [row.key for row in ROWS]


def sheet(title: str, samples: Samples) -> Sheet:
    """The table of all rows that were measured in both trees."""
    measured = [row for row in ROWS if samples.get(row.key, {}).get("base") and samples[row.key].get("now")]
    lines = [_line(row, samples[row.key]["base"], samples[row.key]["now"]) for row in measured]
    return Sheet(title, lines, {"ratio": ".2f", "base": ".4g", "now": ".4g"})


def _line(row: Row, base: Sequence[float], now: Sequence[float]) -> dict[str, Value]:
    before, after = median(base), median(now)
    return {
        "what": row.what,
        "unit": row.unit,
        "base": before,
        "now": after,
        "ratio": after / before,
        "target": row.aim,
        "reached": "yes" if row.reached(before, after) else "no",
        "alternations": min(len(base), len(now)),
    }


def missed(samples: Samples) -> list[str]:
    """The rows whose target was not reached."""
    return [str(line["what"]) for line in sheet("", samples).rows if line["reached"] == "no"]
