"""Grades as in qrels files."""

from __future__ import annotations

import re

from service.lab.dataset_rows import Place

MAX_GRADE = 1000
_GRADE = re.compile(r"([+-]?[0-9]{1,9})(?:\.0{0,9})?")


def parse_grade(text: str, place: Place) -> int:
    """A whole number, also when it is written `1.0`. A negative one keeps its meaning, which is that of trec_eval: the
    document is not relevant, and for measures that ask who was judged, not in the pool. Raises DataSetError.
    """
    found = _GRADE.fullmatch(text.strip())
    if found is None or abs(int(found[1])) > MAX_GRADE:
        raise place.error(f"the grade {text.strip()[:40]!r} is not a whole number up to {MAX_GRADE}")
    return int(found[1])
