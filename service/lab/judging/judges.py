"""The judges of an experiment: each has a record below `judges/` in its folder, TREC qrels with notes beside them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from service.lab.judging.notes import Ids, Note, read_notes
from service.lab.judging.scale import Point
from service.lab.judging.spec import JUDGE_NAME
from service.lab.lab_errors import LabError
from service.lab.trec import qrels_rows

FOLDER = "judges"
UNNAMED = "judged.qrels"
"""The record, in the experiment's folder, of who does not say who judges."""


@dataclass(frozen=True, slots=True)
class Judge:
    """What one judge has said."""

    name: str
    grades: Mapping[Ids, int]
    notes: Mapping[Ids, Note]

    @property
    def model(self) -> str | None:
        """The model that judged; None: a person."""
        return next((note.model for note in self.notes.values() if note.model is not None), None)

    @property
    def independent(self) -> Mapping[Ids, int]:
        """The grades that were given without another judge's in view."""
        return {ids: grade for ids, grade in self.grades.items() if not self._saw(ids)}

    def _saw(self, ids: Ids) -> bool:
        note = self.notes.get(ids)
        return note is not None and note.seen is not None


def judge_path(folder: Path, name: str) -> Path:
    """The qrels of a judge of the experiment in this folder. Raises LabError for a name that a file cannot have."""
    if not re.fullmatch(JUDGE_NAME, name):
        raise LabError(
            f"A judge's name has up to 40 letters, digits, dots, hyphens and underscores, not {name[:60]!r}."
        )
    return folder / FOLDER / f"{name}.qrels"


def judge_names(folder: Path) -> list[str]:
    """The judges who have a record."""
    return sorted(path.stem for path in (folder / FOLDER).glob("*.qrels") if not path.name.startswith("."))


def known_judge(folder: Path, name: str, scale: Sequence[Point]) -> Judge:
    """The record of a judge of the experiment in this folder. Raises LabError if there is none, and as `read_judge`."""
    path = judge_path(folder, name)
    if not path.exists():
        known = ", ".join(judge_names(folder)) or "none"
        raise LabError(f"There is no judge {name!r} in {folder}; known are: {known}.")
    return read_judge(path, scale)


def read_judge(path: Path, scale: Sequence[Point] | None = None) -> Judge:
    """The record of a judge, who is called as the file is.

    Raises:
        DataSetError: no such file, a line that is no judgment, a second one of a pair, or with `scale` a grade that is
            not on it; with file and line.
    """
    known = None if scale is None else {point.grade for point in scale}
    grades: dict[Ids, int] = {}
    for place, query, document, grade in qrels_rows(path):
        if known is not None and grade not in known:
            raise place.error(f"the grade {grade} is not on the experiment's scale")
        grades[query, document] = grade
    return Judge(path.stem, grades, read_notes(path))
