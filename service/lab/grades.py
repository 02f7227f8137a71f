"""Grades as in qrels files."""

from __future__ import annotations

import re

from service.lab.dataset_rows import Place

MAX_GRADE = 1000
_GRADE = re.compile(r"-?[0-9]{1,9}")


def parse_grade(text: str, place: Place) -> int:
    """A whole number; a negative one (TREC-COVID, spam) counts as 0. Raises DataSetError."""
    if not _GRADE.fullmatch(text.strip()) or int(text) > MAX_GRADE:
        raise place.error(f"the grade {text.strip()[:40]!r} is not a whole number up to {MAX_GRADE}")
    return max(0, int(text))
