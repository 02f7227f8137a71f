"""The record: whole after every judgment, readable as qrels, and nothing in it that was there before is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.lab.judging.notes import read_notes
from service.lab.judging.record import JudgmentRecord
from service.lab.lab_errors import DataSetError, LabError
from service.lab.trec import read_qrels

ids = st.tuples(st.sampled_from(["q1", "q2", "ä"]), st.sampled_from(["d1", "d2", "d3"]))
steps = st.lists(st.tuples(ids, st.sampled_from([None, 0, 1, 2, 3])), max_size=12)

ENDLESS = """
import itertools, sys
from pathlib import Path
from service.lab.judging.record import JudgmentRecord
record = JudgmentRecord(Path(sys.argv[1]))
for number in itertools.count():
    record.judge(("q", f"d{number}"), number % 4)
    print(number, flush=True)
"""


@settings(max_examples=30, deadline=None)
@given(steps)
def test_the_file_says_what_was_judged_last(
    tmp_path_factory: pytest.TempPathFactory, taken: list[tuple[tuple[str, str], int | None]]
) -> None:
    path = tmp_path_factory.mktemp("record") / "deep" / "judged.qrels"
    expected: dict[tuple[str, str], int] = {}
    with JudgmentRecord(path) as record:
        for pair, grade in taken:
            expected.pop(pair, None)
            if grade is None:
                record.forget(pair)
            else:
                record.judge(pair, grade)
                expected[pair] = grade
        assert record.judged == tuple(expected)
    found = read_qrels(path) if path.exists() else {}
    assert {(query, document): grade for query, each in found.items() for document, grade in each.items()} == expected
    with JudgmentRecord(path) as again:
        assert again.judged == tuple(expected)
        assert all(again.grade(pair) == expected[pair] for pair in expected)


def test_lines_of_others_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "judged.qrels"
    path.write_text("q1 Q0\td1  7\n\nq1 1 d2 -1", encoding="utf-8")
    with JudgmentRecord(path) as record:
        assert (record.grade(("q1", "d1")), record.grade(("q1", "d2"))) == (7, -1)
        record.judge(("q1", "d3"), 2)
    assert path.read_text() == "q1 Q0\td1  7\nq1 1 d2 -1\nq1 0 d3 2\n"


def test_comments_of_others_stay_at_the_top(tmp_path: Path) -> None:
    path = tmp_path / "judged.qrels"
    path.write_text("# our pool of May\nq1 0 d1 3\n# a second sitting\nq1 0 d2 0\n")
    with JudgmentRecord(path) as record:
        record.judge(("q1", "d1"), 1)
    assert path.read_text() == "# our pool of May\n# a second sitting\nq1 0 d2 0\nq1 0 d1 1\n"


def test_a_torn_note_is_cut_off_and_any_other_fault_is_named(tmp_path: Path) -> None:
    path = tmp_path / "anna.qrels"
    with JudgmentRecord(path) as record:
        record.judge(("q1", "d1"), 1, "first")
        record.judge(("q1", "d2"), 2, "zweite Möhre")
    notes = tmp_path / "anna.notes.jsonl"
    notes.write_bytes(notes.read_bytes().partition("ö".encode())[0] + b"\xc3")  # torn within a character
    assert {ids: note.note for ids, note in read_notes(path).items()} == {("q1", "d1"): "first"}
    with JudgmentRecord(path) as record:
        assert record.grade(("q1", "d2")) == 2
        record.judge(("q1", "d3"), 0, "third")
    assert [note.note for note in read_notes(path).values()] == ["first", "third"]
    kept = notes.read_text()
    for damaged, line in ((f"[]\n{kept}", 1), (f"{kept}no note\n", 3), (f"{kept}\n", 3)):
        notes.write_text(damaged)
        with pytest.raises(DataSetError, match=rf"anna\.notes\.jsonl, line {line}: .*delete the line"):
            JudgmentRecord(path)  # before anything is judged
        assert notes.read_text() == damaged


def test_what_cannot_be_written_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "judged.qrels"
    with JudgmentRecord(path) as record:
        record.judge(("q", "d"), 1)
        with pytest.raises(LabError, match="blanks"):
            record.judge(("q", "a product"), 1)
        assert record.judged == (("q", "d"),)
    assert path.read_text() == "q 0 d 1\n"


@pytest.mark.parametrize(
    ("text", "fault"), [("q 0 d\n", "line 1"), ("q 0 d 1\nq 0 d 2\n", "line 2.*judged twice"), ("q 0 d x\n", "grade")]
)
def test_a_file_that_is_no_qrels_is_refused_and_let_go_of(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "judged.qrels"
    path.write_text(text)
    with pytest.raises(DataSetError, match=fault):
        JudgmentRecord(path)
    path.unlink()
    JudgmentRecord(path).close()


def test_a_file_belongs_to_one_judge(tmp_path: Path) -> None:
    with JudgmentRecord(tmp_path / "judged.qrels"), pytest.raises(LabError, match="Another process"):
        JudgmentRecord(tmp_path / "judged.qrels")


def test_a_kill_loses_at_most_the_last_judgment(tmp_path: Path) -> None:
    path = tmp_path / "judged.qrels"
    with subprocess.Popen([sys.executable, "-c", ENDLESS, path], stdout=subprocess.PIPE, text=True) as judge:
        assert judge.stdout is not None
        while int(judge.stdout.readline()) < 20:
            pass
        time.sleep(0.003)  # somewhere within a judgment
        os.kill(judge.pid, signal.SIGKILL)
        told = 20 + len(judge.stdout.read().splitlines())
    found = read_qrels(path)["q"]
    assert len(found) in (told + 1, told + 2)
    assert found == {f"d{number}": number % 4 for number in range(len(found))}
