"""The total parser of a grade: every text has a verdict, and only a grade of the scale that was given as one counts."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rerank.parser import REASON_LIMIT
from rerank.prompts import PromptLibrary
from rerank.ranking import Fault
from service.lab.judging.verdict import read_verdict

SCALE = {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("text", "grade", "reason"),
    [
        ('{"reason": "The motif fits.", "grade": 2}', 2, "The motif fits."),
        ('```json\n{"grade": "3", "reason": "All of it."}\n```', 3, "All of it."),
        ('{"grade": 1.0}', 1, ""),
        ('{"reason": "A \\"blue\\" mug.", "grade": 0}\n', 0, 'A "blue" mug.'),
        ('{"reason": "They want "blue"", "grade": 1}', 1, "They want"),  # no JSON, but a grade
        ('<think>grade: 3? No.</think>{"reason": "No.", "grade": 0}', 0, "No."),
        ("Grade: 2", 2, "Grade: 2"),
        ("**Grade:** 2. It is not grade: 3.", 3, "**Grade:** 2. It is not grade: 3."),  # the last one counts
        ("The grade is 1, as only the kind fits.", 1, "The grade is 1, as only the kind fits."),
        ("2", 2, "2"),
        (" [３] ", 3, "[3]"),
        ('{"grade": 2, "reason": "It was cut off', 2, "It was cut off"),
    ],
)
def test_what_is_a_grade(text: str, grade: int, reason: str) -> None:
    verdict = read_verdict(text, SCALE)
    assert (verdict.grade, verdict.reason, verdict.fault) == (grade, reason, Fault.OK)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", Fault.REFUSAL),
        ("I cannot help with 2 images.", Fault.REFUSAL),
        ("There are 3 products in grade A condition.", Fault.REFUSAL),
        ('{"grade": true}', Fault.REFUSAL),
        ('{"grade": null, "reason": "2"}', Fault.REFUSAL),
        ('{"grade": 2.5}', Fault.REFUSAL),
        ('{"grade": [2]}', Fault.REFUSAL),
        ("Grade: 2.5", Fault.REFUSAL),
        ("Grade: 3/5", Fault.REFUSAL),
        ("Grade: 30%", Fault.REFUSAL),
        ("<think>grade: 2", Fault.REFUSAL),
        ('{"grade": 7}', Fault.OUT_OF_RANGE),
        ('{"grade": -1}', Fault.OUT_OF_RANGE),
        ("grade: 12", Fault.OUT_OF_RANGE),
        ("[" * 10_000, Fault.REFUSAL),
        ("{" * 100_000, Fault.REFUSAL),
    ],
)
def test_what_is_no_grade(text: str, fault: Fault) -> None:
    verdict = read_verdict(text, SCALE)
    assert (verdict.grade, verdict.fault) == (None, fault)


def test_a_cut_off_answer_is_said_to_be_one() -> None:
    assert read_verdict('{"reason": "The motif is', SCALE, truncated=True).fault is Fault.TRUNCATED


def test_a_model_that_repeats_its_prompt_has_graded_nothing() -> None:
    values = {"instruction": "a mug", "title": "mug", "description": "Grade A.", "guidelines": "Be strict."}
    for name in ("grade", "grade-panel"):
        text = PromptLibrary.load().get(name).render(**values, scale="0: No.\n1: Yes.")
        assert read_verdict(text, SCALE).grade is None


@given(st.text() | st.binary().map(lambda data: data.decode("utf-8", "surrogateescape")), st.booleans())
def test_every_text_has_a_verdict(text: str, truncated: bool) -> None:
    verdict = read_verdict(text, SCALE, truncated=truncated)
    assert (verdict.grade is None) == (verdict.fault is not Fault.OK)
    assert verdict.grade is None or verdict.grade in SCALE
    assert len(verdict.reason) <= REASON_LIMIT
    verdict.reason.encode()


@given(st.sampled_from(sorted(SCALE)), st.text(max_size=200))
def test_what_is_written_as_it_was_asked_for_is_read(grade: int, reason: str) -> None:
    verdict = read_verdict(json.dumps({"reason": reason, "grade": grade}), SCALE)
    assert (verdict.grade, verdict.fault) == (grade, Fault.OK)
