"""The values of a run that was broken off, so that the next one goes on from there."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path


class Journal:
    """A file of JSON lines: what was measured and with what, then a line for each value."""

    def __init__(self, path: Path, identity: dict[str, str]) -> None:
        """Values of another `identity` (commits, machine, day, size) are dropped."""
        self._path = path
        self._values: dict[str, dict[str, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        if not lines or json.loads(lines[0]) != identity:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(identity) + "\n", encoding="utf-8")
            return
        for line in lines[1:]:
            if line.endswith("}"):  # a last line may be cut off
                self._take(**json.loads(line))

    def has(self, row: str, tree: str, alternation: int) -> bool:
        """Whether this was measured already."""
        return alternation in self._values[row][tree]

    def add(self, row: str, tree: str, alternation: int, value: float) -> None:
        """A value, written down at once."""
        entry = {"row": row, "tree": tree, "alternation": alternation, "value": value}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        self._take(**entry)  # type: ignore[arg-type]

    def samples(self) -> dict[str, dict[str, list[float]]]:
        """All values by row and tree."""
        return {
            row: {name: list(found.values()) for name, found in trees.items()} for row, trees in self._values.items()
        }

    def done(self) -> None:
        """The table is made: the next run measures again."""
        self._path.unlink()

    def _take(self, row: str, tree: str, alternation: int, value: float) -> None:
        self._values[row][tree][alternation] = value
