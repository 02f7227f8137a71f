"""The grades of several judges as one: what every command reads as the judgments of an experiment.

Where people have judged a pair, the grades of models do not count for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import median_low
from typing import Literal

from service.lab.judging.judges import Judge
from service.lab.judging.notes import Ids

Rule = Literal["median", "majority"]


def merged(judges: Sequence[Judge], rule: Rule) -> dict[str, dict[str, int]]:
    """Query id → {document id: grade}. Of an even number of grades, the median is the lower of the two in the middle;
    of grades that are given equally often, the lowest is taken: what is doubtful is not called relevant.
    """
    given: dict[Ids, list[int]] = {}
    for group in ([one for one in judges if one.model is None], [one for one in judges if one.model is not None]):
        known = set(given)
        for judge in group:
            for ids, grade in judge.grades.items():
                if ids not in known:
                    given.setdefault(ids, []).append(grade)
    choose = median_low if rule == "median" else _most_frequent
    judgments: dict[str, dict[str, int]] = {}
    for (query, document), grades in given.items():
        judgments.setdefault(query, {})[document] = choose(grades)
    return judgments


def _most_frequent(grades: Sequence[int]) -> int:
    counts = Counter(grades)
    return min(counts, key=lambda grade: (-counts[grade], grade))
