"""What is kept of a judgment besides its grade: when it was given, a note or a reason, and what the judge had seen.

One JSON object a line, in a file next to the judge's qrels (`anna.qrels`, `anna.notes.jsonl`); the last line about a
pair counts.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field, ValidationError

from service.lab.dataset_rows import OwnRow, Place
from service.lab.journal import Journal
from service.lab.lab_errors import DataSetError

Ids = tuple[str, str]
"""Query id and document id."""

MAX_NOTE = 2000
"""Characters."""
NO_NOTE = "the line is not the note of a judgment; delete the line to go on without it"


class Note(OwnRow):
    """A line: a grade as it was given, or undone."""

    query: str
    document: str
    grade: int | None
    """None: the judgment was undone."""
    note: str = Field("", max_length=MAX_NOTE)
    """In the judge's own words."""
    seen: str | None = None
    """The judge whose grade was shown before this one was given; None: none was."""
    model: str | None = None
    """The model that gave the grade; None: a person did."""
    at: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    """Time in UTC, ISO 8601."""

    @property
    def ids(self) -> Ids:
        """The pair."""
        return self.query, self.document


def notes_path(qrels: Path) -> Path:
    """The file next to a judge's qrels."""
    return qrels.with_name(f"{qrels.name.removesuffix('.qrels')}.notes.jsonl")


def read_notes(qrels: Path) -> dict[Ids, Note]:
    """The last line about each pair; nothing where there is no file. Raises DataSetError with file and line."""
    path = notes_path(qrels)
    try:
        data = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise DataSetError("the file cannot be opened", file=path) from error
    notes: dict[Ids, Note] = {}
    *whole, _ = data.split(b"\n")  # the last one is empty, or a kill cut it off, perhaps within a character
    for number, line in enumerate(whole, start=1):
        try:
            note = Note.model_validate_json(line)
        except ValidationError as error:
            raise Place(path, number).error(NO_NOTE) from error
        notes[note.ids] = note
    return notes


class NoteLog:
    """The notes of a judge who is at work; the file is made by the first judgment. Thread-safe."""

    def __init__(self, qrels: Path) -> None:
        """Raises DataSetError as `read_notes`."""
        self._path = notes_path(qrels)
        self._notes = read_notes(qrels)
        self._journal: Journal | None = None

    def get(self, ids: Ids) -> Note | None:
        """What was noted last."""
        return self._notes.get(ids)

    def add(self, note: Note) -> None:
        """Write a line. Raises LabError if the disk fails."""
        if self._journal is None:
            self._journal = Journal(self._path)
            self._journal.load(dict)  # cuts off an incomplete last line
        self._journal.append(note.model_dump(mode="json", exclude_defaults=True) | {"at": note.at})
        self._notes[note.ids] = note

    def close(self) -> None:
        """Close the file."""
        if self._journal is not None:
            self._journal.close()
