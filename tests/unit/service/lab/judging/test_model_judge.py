"""A model as a judge: what it is shown, what counts as a grade, and what is asked again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from rerank.engines.engine import EngineRequest, Generation
from rerank.errors import EngineError, EngineOverloaded, EngineTimeout
from rerank.prompts import PromptLibrary
from service.lab.dataset_image import LAB_LIMITS
from service.lab.datasets import load_dataset
from service.lab.journal import Journal
from service.lab.judged import LabDocument, LabQuery
from service.lab.judging.model_judge import FAILURES_IN_A_ROW, Brief, Judged, Missing, ModelJudge
from service.lab.judging.pool import Pair
from service.lab.judging.scale import SCALE
from tests.unit.rerank.fakes import FakeEngine
from tests.unit.service.lab.bench_fakes import write_set

BRIEF = Brief(PromptLibrary.load().get("grade"), SCALE, "Be strict.\n<|end|> Look [A] twice.", LAB_LIMITS, 60.0)
Answer = Callable[[EngineRequest], Generation]


@pytest.fixture
def pairs(tmp_path: Path) -> list[Pair]:
    """Two queries of the fakes with three products each."""
    write_set(tmp_path / "set", title='Mug "A" <|end|> [B]')
    data = load_dataset("jsonl", tmp_path / "set")
    return [Pair(data.queries[q], data.documents[d]) for q in ("q0", "q1") for d in ("d0", "d1", "d2")]


def says(grade: object, reason: str = "It fits.") -> Generation:
    return Generation(json.dumps({"reason": reason, "grade": grade}), "stop")


def judge(pairs: list[Pair], engine: FakeEngine, path: Path, brief: Brief = BRIEF, parallel: int = 1) -> Judged:
    """One run from start to end."""
    judged = Judged()
    with closing(Journal(path)) as journal:
        one = ModelJudge(engine, brief, journal, parallel=parallel)
        pending = one.recall(pairs, lambda done: None, judged)
        one.judge(pending, lambda done: None, judged)
    return judged


def in_turn(*answers: Generation | BaseException) -> Answer:
    """The answers one after the other, the last one again and again."""
    left: Iterator[Generation | BaseException] = iter(answers)
    last = answers[-1]

    def answer(request: EngineRequest) -> Generation:
        said = next(left, last)
        if isinstance(said, BaseException):
            raise said
        return said

    return answer


def test_it_sees_both_images_the_words_the_guidelines_and_the_scale(pairs: list[Pair], tmp_path: Path) -> None:
    engine = FakeEngine(caption=says(2))
    found = judge(pairs[:1], engine, tmp_path / "kept.jsonl")
    (request,) = engine.asked
    assert len(request.images) == 2 and request.images[0].tobytes() != request.images[1].tobytes()
    for shown in (
        "a mug with this 0",
        "Mug 'A' (B) 0",
        "Be strict.\nLook (A) twice.",
        "2: Highly relevant. Matches both",
    ):
        assert shown in request.prompt
    assert "<|end|>" not in request.prompt
    assert request.deadline is not None and request.labels == ()
    (verdict,) = found.verdicts.values()
    assert (verdict.grade, verdict.reason, found.fresh) == (2, "It fits.", 1)


def test_words_alone_and_products_without_an_image_are_judged_too(tmp_path: Path) -> None:
    engine = FakeEngine(caption=says(1))
    found = judge([Pair(LabQuery("q", "a mug"), LabDocument("d", "Mug"))], engine, tmp_path / "kept.jsonl")
    assert len(found.verdicts) == 1 and len(engine.asked[0].images) == 1
    panel = replace(BRIEF, prompt=PromptLibrary.load().get("grade-panel"))
    assert (
        judge([Pair(LabQuery("q", "a mug"), LabDocument("d", "Mug"))], engine, tmp_path / "two.jsonl", panel).fresh == 1
    )


def test_what_is_no_grade_is_counted_and_asked_again(pairs: list[Pair], tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    troubles = (EngineTimeout("late"), EngineOverloaded("busy"), EngineError("broken"), ValueError("anything"))
    engine = FakeEngine(caption=in_turn(says(3), says(9), *troubles))
    first = judge(pairs, engine, path)
    assert [verdict.grade for verdict in first.verdicts.values()] == [3]
    failed = {Missing.TIMEOUT: 1, Missing.OVERLOADED: 1, Missing.FAILED: 2}
    assert first.missing == {Missing.UNREADABLE: 1, **failed} and not first.stopped
    again = FakeEngine(caption=says(0))
    second = judge(pairs, again, path)
    assert (len(again.asked), second.fresh, len(second.verdicts), second.missing) == (5, 5, 6, {})
    assert second.verdicts[pairs[0].ids].grade == 3
    assert judge(pairs, FakeEngine(caption=AssertionError("asked")), path).fresh == 0


def test_an_interrupted_run_is_resumed(pairs: list[Pair], tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    with pytest.raises(KeyboardInterrupt):
        judge(pairs, FakeEngine(caption=in_turn(says(1), says(2), KeyboardInterrupt())), path)
    again = FakeEngine(caption=says(3))
    found = judge(pairs, again, path)
    assert [verdict.grade for verdict in found.verdicts.values()] == [1, 2, 3, 3, 3, 3]
    assert len(again.asked) == 4


def test_whatever_it_is_shown_decides_what_is_known(pairs: list[Pair], tmp_path: Path) -> None:
    path, engine = tmp_path / "kept.jsonl", FakeEngine(caption=says(1))
    judge(pairs[:2], engine, path)
    for brief in (replace(BRIEF, guidelines="Other."), replace(BRIEF, scale=SCALE[:2]), replace(BRIEF, reasons=False)):
        assert judge(pairs[:2], engine, path, brief).fresh == 2
    assert judge(pairs[:2], engine, path, replace(BRIEF, timeout_s=1.0)).fresh == 0


def test_a_server_that_is_down_is_not_asked_for_everything(pairs: list[Pair], tmp_path: Path) -> None:
    many = [replace(pairs[0], document=replace(pairs[0].document, id=f"d{n}", title=f"Mug {n}")) for n in range(60)]
    engine = FakeEngine(caption=EngineOverloaded("down"))
    found = judge(many, engine, tmp_path / "kept.jsonl", parallel=3)
    assert found.stopped and FAILURES_IN_A_ROW <= len(engine.asked) < 60
    assert found.missing == {Missing.OVERLOADED: len(engine.asked)} and found.last_error == "down"


def test_several_at_a_time_are_kept_apart(pairs: list[Pair], tmp_path: Path) -> None:
    def by_title(request: EngineRequest) -> Generation:
        return says(next(n for n in range(3) if f"(B) {n}" in request.prompt))

    found = judge(pairs, FakeEngine(caption=by_title), tmp_path / "kept.jsonl", parallel=4)
    assert [found.verdicts[pair.ids].grade for pair in pairs] == [0, 1, 2, 0, 1, 2]


def test_the_likeliest_grade_without_a_reason(pairs: list[Pair], tmp_path: Path) -> None:
    brief = replace(BRIEF, reasons=False)
    engine = FakeEngine(logits=lambda request: (-1.0, float("-inf"), 2.5, 0.0))
    found = judge(pairs[:1], engine, tmp_path / "kept.jsonl", brief)
    (request,) = engine.scored
    assert (request.labels, request.answer_prefix) == (("0", "1", "2", "3"), '{"grade": "')
    assert [verdict.grade for verdict in found.verdicts.values()] == [2]
    flat = judge(pairs[1:2], FakeEngine(logits=lambda request: (1.0,) * 4), tmp_path / "kept.jsonl", brief)
    assert flat.missing == {Missing.UNREADABLE: 1}
    broken = judge(pairs[1:2], FakeEngine(logits=lambda request: (float("nan"),) * 4), tmp_path / "kept.jsonl", brief)
    assert broken.missing == {Missing.FAILED: 1}


def test_an_image_that_cannot_be_used_is_no_failure_of_the_model(pairs: list[Pair], tmp_path: Path) -> None:
    (tmp_path / "set" / "d1.png").write_bytes(b"no image")
    found = judge(pairs[:3], FakeEngine(caption=says(1)), tmp_path / "kept.jsonl")
    assert (len(found.verdicts), found.missing) == (2, {Missing.IMAGE: 1})
