"""The folder of an experiment's results: its lock, and the answers of each configuration so far."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from service.lab.arrangements import ArrangementRecord
from service.lab.image_check import ImageCheck
from service.lab.journal import Journal
from service.lab.lab_errors import ExperimentError
from service.lab.outcomes import QueryOutcome
from service.stores.local_file import lock_file


class RunFolder:
    """One process at a time works in a folder; the lock ends with the process, however it ends."""

    def __init__(self, path: Path) -> None:
        """Make and lock the folder. Raises ExperimentError if it is in use or cannot be written."""
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = (path / ".lock").open("ab")
        except OSError as error:
            raise ExperimentError(f"{path} cannot be written. Choose another folder with --out.") from error
        if not lock_file(self._lock):
            self._lock.close()
            raise ExperimentError(f"Another process is using {path}. Wait for it, or choose another --out.")

    @property
    def cache(self) -> Path:
        """Where embeddings and the engine's answers are kept."""
        return self.path / "cache"

    def outcomes(self, key: str) -> Outcomes:
        """What a configuration, by its key, has answered."""
        return Outcomes(Journal(self.path / "outcomes" / f"{key[:16]}.jsonl"))

    def arrangements(self, key: str) -> ArrangementRecord:
        """What a configuration, by its key, has answered to its candidates in several orders."""
        return ArrangementRecord(Journal(self.path / "arrangements" / f"{key[:16]}.jsonl"))

    def image_check(self) -> ImageCheck:
        """Which images could be decoded."""
        return ImageCheck(Journal(self.cache / "images.jsonl"))

    def close(self) -> None:
        """Let others in."""
        self._lock.close()


class Outcomes:
    """Outcomes of one configuration, on disk as soon as they are known. Each belongs to a query as it was then.

    One that an earlier run left without an answer of the model server (see `QueryOutcome.is_result`) is not known.
    """

    def __init__(self, journal: Journal) -> None:
        """Takes ownership of the journal. If it is damaged, closes it and raises ExperimentError."""
        self._journal = journal
        known = dict(journal.load(_known_outcome))
        self._known = {key: outcome for key, outcome in known.items() if outcome.is_result}

    def get(self, query: str, digest: str) -> QueryOutcome | None:
        """The outcome of a query; `digest` covers its content, so that one that was changed is asked again."""
        return self._known.get((query, digest))

    def add(self, outcome: QueryOutcome, digest: str) -> None:
        """Keep an outcome."""
        self._journal.append({"digest": digest, "outcome": outcome.to_json()})
        self._known[outcome.query, digest] = outcome

    def close(self) -> None:
        """Close the file."""
        self._journal.close()


def _known_outcome(row: Mapping[str, Any]) -> tuple[tuple[str, str], QueryOutcome]:
    outcome = QueryOutcome.model_validate_json(row["outcome"])
    return (outcome.query, row["digest"]), outcome
