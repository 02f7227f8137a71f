"""Small data sets for tests: in memory, and written to a folder in their official layouts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from service.lab.judged import DataSet, Judgments, LabDocument, LabQuery, Protocol, RankedList, Run
from tests.unit.service.images.sample_images import sample_image


def dataset(judgments: Judgments | None, queries: Sequence[LabQuery] = (), **protocol: Any) -> DataSet:
    """A data set of the judged documents; queries that are not given have a text only."""
    known = {query.id: query for query in queries}
    for id in judgments or {}:
        known.setdefault(id, LabQuery(id, "text"))
    documents = {id: LabDocument(id) for grades in (judgments or {}).values() for id in grades}
    return DataSet("small", documents, known, judgments, Protocol(("RR",), depth=10, **protocol))


def run(
    rankings: Mapping[str, Sequence[str]], name: str = "run", subsets: Mapping[str, Sequence[str]] | None = None
) -> Run:
    """A run of plain sequences."""
    return Run(
        name,
        {query: RankedList(tuple(order)) for query, order in rankings.items()},
        {query: RankedList(tuple(order)) for query, order in (subsets or {}).items()},
    )


def write_json(path: Path, value: object) -> Path:
    """Write a JSON file and the folders it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def write_lines(path: Path, *rows: object) -> Path:
    """Write rows as JSON lines; texts are written as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def write_images(folder: Path, *names: str) -> None:
    """Write a small image under each name, in the format of its suffix."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(sample_image(format="JPEG" if name.endswith(".jpg") else "PNG"))
