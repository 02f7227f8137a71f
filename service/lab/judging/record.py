"""Judgments on disk, as TREC qrels, complete after every judgment.

Each change writes the file to a temporary one next to it, syncs it and takes its place, so a kill or a power failure at
any moment leaves the file as it was before the last judgment or after it. Existing lines are kept unchanged; comments
stand at the top. Notes are in a file of their own (`service.lab.judging.notes`), written before the judgment.
"""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from service.lab.dataset_rows import text_lines
from service.lab.files import write_text
from service.lab.judging.notes import Ids, Note, NoteLog
from service.lab.lab_errors import LabError
from service.lab.trec import qrels_line, qrels_rows
from service.stores.local_file import lock_file

_Value = TypeVar("_Value")


class JudgmentRecord:
    """The judgments of one file, in the order in which they were given. Thread-safe; one process at a time."""

    def __init__(self, path: Path) -> None:
        """Read and lock the file; it is made by the first judgment.

        Raises:
            DataSetError: a line that is no judgment, or a second judgment of a pair; with file and line.
            LabError: another process judges into this file, or the folder cannot be written.
        """
        self.path = path.resolve()  # a link stays one: its target is rewritten
        self._guard = threading.Lock()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._held = self.path.with_name(f".{self.path.name}.lock").open("ab")
        except OSError as error:
            raise LabError(f"{path} cannot be written. Check the folder's permissions.") from error
        try:
            if not lock_file(self._held):
                raise LabError(f"Another process writes judgments to {path}. Stop it, or judge into another file.")
            self._head, self._lines, self._grades = _read(self.path) if self.path.exists() else ([], {}, {})
            self._notes = NoteLog(self.path)
        except BaseException:
            self._held.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def grade(self, ids: Ids) -> int | None:
        """The grade of a pair; None if it is not judged."""
        return self._grades.get(ids)

    @property
    def judged(self) -> tuple[Ids, ...]:
        """All judged pairs, the last one at the end."""
        return tuple(self._grades)

    def note(self, ids: Ids) -> Note | None:
        """What was noted last on a pair; None if nothing ever was."""
        return self._notes.get(ids)

    def judge(self, ids: Ids, grade: int, note: str = "", seen: str | None = None) -> None:
        """Judge a pair, or judge it again; see `Note`. Whose grade was once seen stays seen.

        Raises LabError, and then no judgment has changed.
        """
        line = qrels_line(*ids, grade)
        with self._guard:
            noted = self._notes.get(ids)
            seen = seen or (noted.seen if noted else None)
            self._notes.add(Note(query=ids[0], document=ids[1], grade=grade, note=note, seen=seen))
            self._replace({**_without(self._lines, ids), ids: line}, {**_without(self._grades, ids), ids: grade})

    def forget(self, ids: Ids) -> None:
        """Undo a judgment. Raises as `judge`."""
        with self._guard:
            if ids in self._lines:
                noted = self._notes.get(ids)
                kept = {"note": noted.note, "seen": noted.seen} if noted else {}
                self._notes.add(Note(query=ids[0], document=ids[1], grade=None, **kept))
                self._replace(_without(self._lines, ids), _without(self._grades, ids))

    def close(self) -> None:
        """Release the files."""
        self._notes.close()
        self._held.close()

    def _replace(self, lines: dict[Ids, str], grades: dict[Ids, int]) -> None:
        write_text(self.path, [*self._head, *lines.values()], durable=True)
        self._lines, self._grades = lines, grades


def _without(known: dict[Ids, _Value], ids: Ids) -> dict[Ids, _Value]:
    return {other: value for other, value in known.items() if other != ids}


def _read(path: Path) -> tuple[list[str], dict[Ids, str], dict[Ids, int]]:
    """The lines that are no judgments, and lines and grades by pair."""
    others = {place.line: line for place, line in text_lines(path)}
    lines: dict[Ids, str] = {}
    grades: dict[Ids, int] = {}
    for place, query, document, grade in qrels_rows(path):
        lines[query, document], grades[query, document] = others.pop(place.line), grade
    return list(others.values()), lines, grades
