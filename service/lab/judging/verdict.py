"""The total parser of a model's grade: any text in, a verdict out. It never raises, and it never guesses.

What is read, the first that is there: one JSON object with a `grade`; the last `grade: 2` of the text; a text that is
nothing but a number. Other numbers in prose are no grades. What stands before `</think>` is not read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass

from rerank.parser import REASON_LIMIT, bounded, spoken
from rerank.ranking import Fault
from rerank.sanitize import fold, tidy

_NUMBER = r"(\d{1,3})(?![\d/%]|\s*/|[.,]\d)"
_KEYED = re.compile(rf"""\bgrade["'*]*+\s*+(?::|=|is\b)[\s"'*]*+{_NUMBER}""", re.IGNORECASE)
_ALONE = re.compile(r"[\W_]*(\d{1,3})[\W_]*")
_REASON = re.compile(r'"reason"\s*+:\s*+"([^"\\]*+(?:\\.[^"\\]*+)*+)')


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer says. `grade` is None unless the fault is `ok`: then it is `out_of_range` (not on the scale),
    `truncated`, or `refusal` (nothing like a grade).
    """

    grade: int | None
    reason: str
    fault: Fault


def read_verdict(text: str, grades: Collection[int], *, truncated: bool = False) -> Verdict:
    """Read a grade of the scale `grades`, and its reason. `truncated`: the model was stopped by its token limit."""
    body = fold(spoken(bounded(text), truncated))
    found = _document(body)
    if found is None:
        found = _last_grade(body), _written_reason(body)
    grade, reason = found[0], tidy(found[1], REASON_LIMIT)
    if grade is None:
        return Verdict(None, reason, Fault.TRUNCATED if truncated else Fault.REFUSAL)
    if grade not in grades:
        return Verdict(None, reason, Fault.OUT_OF_RANGE)
    return Verdict(grade, reason, Fault.OK)


def _document(text: str) -> tuple[int | None, str] | None:
    """Grade and reason of the one JSON object of the text; None if there is none with a grade."""
    try:
        value = json.loads(text[text.find("{") : text.rfind("}") + 1])
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or "grade" not in value:
        return None
    reason = value.get("reason")
    return _whole(value["grade"]), reason if isinstance(reason, str) else ""


def _whole(value: object) -> int | None:
    """A whole number, also as a text; a truth value is none."""
    if isinstance(value, str):
        found = _ALONE.fullmatch(value)
        return int(found[1]) if found else None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _last_grade(text: str) -> int | None:
    keyed = list(_KEYED.finditer(text))
    found = keyed[-1] if keyed else _ALONE.fullmatch(text)
    return int(found[1]) if found else None


def _written_reason(text: str) -> str:
    """The reason of an object that is no JSON, or else the whole text."""
    found = _REASON.search(text)
    return found[1] if found else text
