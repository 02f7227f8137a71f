"""The same candidates in several orders, and a reranker's answer to each: the data for position bias."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import TypeVar

from pydantic import TypeAdapter

from service.lab.journal import Journal

T = TypeVar("T")
Answers = tuple[tuple[str, ...], ...]
"""Orders of document ids, one for each arrangement that was answered."""

_ANSWERS = TypeAdapter(Answers)


def arrangements(items: Sequence[T], count: int, seed: str) -> list[tuple[T, ...]]:
    """Up to `count` different orders; the first is the given one, the others are drawn by seed.

    Fewer if there are not as many permutations.
    """
    rng, places = random.Random(seed), range(len(items))
    drawn = {tuple(places): None}
    while len(drawn) < min(count, math.factorial(len(items))):
        drawn.setdefault(tuple(rng.sample(places, len(items))))
    return [tuple(items[place] for place in order) for order in drawn]


class ArrangementRecord:
    """The answers of one configuration, on disk as soon as a query is done. Keys identify the question."""

    def __init__(self, journal: Journal) -> None:
        """Takes ownership of the journal. If it is damaged, closes it and raises ExperimentError."""
        self._journal = journal
        self._known = dict(journal.load(lambda row: (row["key"], _ANSWERS.validate_python(row["answers"]))))

    def get(self, key: str) -> Answers | None:
        """The answers under a key."""
        return self._known.get(key)

    def add(self, key: str, answers: Answers) -> None:
        """Keep answers."""
        self._journal.append({"key": key, "answers": answers})
        self._known[key] = answers

    def close(self) -> None:
        """Close the file."""
        self._journal.close()
