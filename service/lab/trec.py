"""Runs and qrels in TREC formats: `query Q0 document rank score tag` and `query iteration document grade`.

Readers of runs disagree on ties and ignore the rank, so what we write has strictly decreasing scores.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from service.lab.dataset_rows import Place, text_lines
from service.lab.files import write_text
from service.lab.grades import parse_grade
from service.lab.judged import Judgments, RankedList, Run
from service.lab.lab_errors import LabError

COMMENT = "#"
BEIR_HEADER = "query-id"
_BLANK = re.compile(r"\s")
_RUN_ROW = re.compile(r"(\S+\s+){4}[-+]?[\d.]\S*\s+\S")
_QRELS_ROW = re.compile(r"((\S+\s+){3}|([^\t]+\t){2})\s*[-+]?[\d.]+\s*$")


def write_run(path: Path, run: Run) -> None:
    """Write a run; the score of rank r among n is n - r + 1. Raises LabError, and then changes no file."""
    tag = _BLANK.sub("_", run.name) or "run"
    write_text(path, (line for query, ranking in run.rankings.items() for line in _run_lines(query, ranking, tag)))


def write_qrels(path: Path, judgments: Judgments) -> None:
    """Write judgments. Raises LabError, and then changes no file."""
    rows = ((query, document, grade) for query, grades in judgments.items() for document, grade in grades.items())
    write_text(path, (qrels_line(*row) for row in rows))


def qrels_line(query: str, document: str, grade: int) -> str:
    """One judgment without its line's end. Raises LabError for an id that the form cannot hold."""
    return f"{_word(query)} 0 {_word(document)} {grade}"


def read_run(path: Path) -> Run:
    """Read a run in the order in which trec_eval sees it: by score as 32 bits, ties by document id from the end.

    Raises DataSetError naming the line, also for a document that a query has twice.
    """
    scores: dict[str, dict[str, float]] = {}
    tag = path.stem
    for place, line in _rows(path, _RUN_ROW):
        query, document, score, tag = _run_row(place, line)
        found = scores.setdefault(query, {})
        if document in found:
            raise place.error(f"the document {document!r} is ranked twice for the query {query!r}")
        found[document] = score
    return Run(tag, {query: _trec_order(found) for query, found in scores.items()})


def read_qrels(path: Path) -> dict[str, dict[str, int]]:
    """Read judgments. Raises as `qrels_rows`."""
    judgments: dict[str, dict[str, int]] = {}
    for _, query, document, grade in qrels_rows(path):
        judgments.setdefault(query, {})[document] = grade
    return judgments


def qrels_rows(path: Path) -> Iterator[tuple[Place, str, str, int]]:
    """The judgments of a file one by one: place, query, document, grade; in BEIR's three columns with tabs, too.

    Raises DataSetError naming the line, also for a second judgment of a pair.
    """
    seen: set[tuple[str, str]] = set()
    for place, query, document, grade in _judgments(path):
        if (query, document) in seen:
            raise place.error(f"the document {document!r} is judged twice for the query {query!r}")
        seen.add((query, document))
        yield place, query, document, grade


def _judgments(path: Path) -> Iterator[tuple[Place, str, str, int]]:
    for place, line in _rows(path, _QRELS_ROW):
        parts = line.split("\t")
        if len(parts) == 3:
            if place.line != 1 or parts[0] != BEIR_HEADER:
                yield place, parts[0].strip(), parts[1].strip(), parse_grade(parts[2], place)
            continue
        parts = line.split()
        if len(parts) != 4:
            raise place.error("a line of qrels has a query id, an iteration, a document id and a grade")
        yield place, parts[0], parts[2], parse_grade(parts[3], place)


def _rows(path: Path, row: re.Pattern[str]) -> Iterator[tuple[Place, str]]:
    """The lines of a file that are no comments. The id of a query may begin as a comment does, so one is a comment only
    if it does not look like a row.
    """
    for place, line in text_lines(path):
        text = line.strip()
        if not text.startswith(COMMENT) or row.match(text):
            yield place, line


def _run_row(place: Place, line: str) -> tuple[str, str, float, str]:
    """Query, document, score and tag; some systems write more behind the tag."""
    parts = line.split()
    if len(parts) < 6:
        raise place.error("a line of a run has a query id, Q0, a document id, a rank, a score and a tag")
    try:
        score = float(parts[4])
    except ValueError as error:
        raise place.error(f"the score {parts[4][:40]!r} is not a number") from error
    if not math.isfinite(score):
        raise place.error("the score is not a finite number")
    return parts[0], parts[2], score, parts[5]


def _trec_order(scores: Mapping[str, float]) -> RankedList:
    with np.errstate(over="ignore"):
        kept = {document: float(np.float32(score)) for document, score in scores.items()}
    return RankedList(tuple(sorted(kept, key=lambda document: (kept[document], document), reverse=True)))


def _run_lines(query: str, ranking: RankedList, tag: str) -> Iterator[str]:
    for rank, (document, score) in enumerate(zip(ranking.documents, ranking.scores, strict=True), start=1):
        yield f"{_word(query)} Q0 {_word(document)} {rank} {score} {tag}"


def _word(id: str) -> str:
    """An id that the form can hold."""
    if not id or _BLANK.search(id):
        raise LabError(f"The id {id[:100]!r} has blanks, which TREC files cannot contain. Rename it.")
    return id
