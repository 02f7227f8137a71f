"""Runs and qrels in TREC's forms: what is written is read again, and ties cannot be broken differently."""

from __future__ import annotations

import gzip
from pathlib import Path

import ir_measures
import pytest
import pytrec_eval
from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.lab.datasets import load_dataset
from service.lab.judged import RankedList, Run
from service.lab.lab_errors import DataSetError, LabError
from service.lab.measures import evaluate
from service.lab.trec import read_qrels, read_run, write_qrels, write_run
from tests.unit.service.lab.sets import run, write_lines

words = st.text(st.characters(exclude_categories=("Z", "C")), min_size=1, max_size=8)


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(words, st.lists(words, unique=True, min_size=1)))
@example({"#": ["0"], "#1": ["#"]})
def test_a_run_survives_its_file(tmp_path_factory: pytest.TempPathFactory, rankings: dict[str, list[str]]) -> None:
    path = tmp_path_factory.getbasetemp() / "a" / "run.txt"
    written = run(rankings)
    write_run(path, written)
    assert read_run(path).rankings == written.rankings


def test_scores_decrease_strictly_and_other_readers_agree(tmp_path: Path) -> None:
    path = tmp_path / "run.txt"
    write_run(path, run({"q": ["c", "a", "b"]}, name="two words"))
    assert path.read_text() == "q Q0 c 1 3 two_words\nq Q0 a 2 2 two_words\nq Q0 b 3 1 two_words\n"
    theirs = ir_measures.read_trec_run(str(path))  # type: ignore[no-untyped-call]
    assert [(row.doc_id, row.score) for row in theirs] == [("c", 3), ("a", 2), ("b", 1)]


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(words, st.dictionaries(words, st.integers(-1000, 1000), min_size=1)))
@example({"#": {"0": 1}, "#1": {"#": -1}})
def test_qrels_survive_their_file(tmp_path_factory: pytest.TempPathFactory, judged: dict[str, dict[str, int]]) -> None:
    path = tmp_path_factory.getbasetemp() / "qrels.txt"
    write_qrels(path, judged)
    assert read_qrels(path) == judged


def test_the_rank_is_ignored_and_ties_go_to_the_later_id(tmp_path: Path) -> None:
    rows = ["q Q0 a 1 0.5 t", "q Q0 c 2 0.50000000001 t", "q Q0 b 3 0.5 t", "q Q0 z 4 9e99 t"]
    assert read_run(write_lines(tmp_path / "run", *rows)) == Run("t", {"q": RankedList(("z", "c", "b", "a"))})


@pytest.mark.parametrize("row", ["q Q0 a 1 0.5", "q Q0 a 1 high t more", "q Q0 a 1 nan t", "q Q0 d 2 0.5 t", "q"])
def test_a_wrong_line_of_a_run_is_named(tmp_path: Path, row: str) -> None:
    file = write_lines(tmp_path / "run", "q Q0 d 1 1.0 t", "", row)
    with pytest.raises(DataSetError) as caught:
        read_run(file)
    assert caught.value.detail.startswith(f"{file}, line 3: ")


@pytest.mark.parametrize("row", ["q 0 d", "q 0 d x", "q 0 c 1", "q 0 d 99999"])
def test_a_wrong_line_of_qrels_is_named(tmp_path: Path, row: str) -> None:
    file = write_lines(tmp_path / "qrels", "q 0 c 1", row)
    with pytest.raises(DataSetError) as caught:
        read_qrels(file)
    assert caught.value.detail.startswith(f"{file}, line 2: ")


def test_files_are_read_as_systems_write_them(tmp_path: Path) -> None:
    """Compressed, with comments, with text behind the tag, with grades as decimals, and BEIR's columns."""
    run_lines = "# bm25, k1=0.9\nq1 Q0 a 1 2.5 bm25 some notes\n\nq1 Q0 b 2 1.5 bm25\n"
    (tmp_path / "bm25.run.gz").write_bytes(gzip.compress(run_lines.encode()))
    assert read_run(tmp_path / "bm25.run.gz") == Run("bm25", {"q1": RankedList(("a", "b"))})
    (tmp_path / "own.qrels").write_text("# pool of May\nq1 0 a 1.0\nq1 0 b -1\nq2 0 a 2.\n")
    assert read_qrels(tmp_path / "own.qrels") == {"q1": {"a": 1, "b": -1}, "q2": {"a": 2}}
    (tmp_path / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\ta b\t1\n")
    assert read_qrels(tmp_path / "test.tsv") == {"q1": {"a b": 1}}


def test_files_in_the_layout_of_trec_eval_s_own_tests_have_its_values(tmp_path: Path) -> None:
    """`test/qrels.rel_level` and `test/results.comment.test`: grades from -1, comments, a mark of them within an id,
    columns set apart by tabs and blanks, and ranks out of order.
    """
    grades = {"CR93E-10279": 0, "CR93E-18#60": 4, "FBIS3-2393": -1, "FBIS3-3586": 1, "FBIS4-1549": 2, "FT911-2671": 0}
    rows = [f"301 0 {document} {grade}" for document, grade in grades.items()]
    qrels = write_lines(
        tmp_path / "qrels.rel_level", "# This is a test comment", *rows[:2], "# And another one", *rows[2:]
    )
    scores = {"FT911-2671": 1.719461, "FBIS3-2393": 2.494489, "CR93E-18#60": 1.7, "FBIS3-3586": 2.785274, "X-1": 2.7}
    found = [f"301\tQ0\t{id}\t{place}\t  {score}\tSTANDARD" for place, (id, score) in enumerate(scores.items())]
    run_file = write_lines(tmp_path / "results.test", "# This is my favorite run", *found)
    theirs = pytrec_eval.RelevanceEvaluator(
        {"301": grades}, {"map", "bpref", "infAP", "ndcg", "P_5"}, relevance_level=2
    )
    expected = theirs.evaluate({"301": scores})["301"]
    names = {"AP(rel=2)": "map", "Bpref(rel=2)": "bpref", "infAP(rel=2)": "infAP", "nDCG": "ndcg", "P(rel=2)@5": "P_5"}
    ours = evaluate(load_dataset("trec", qrels), read_run(run_file), list(names))
    assert {name: ours.mean(name) for name in names} == pytest.approx({name: expected[names[name]] for name in names})


def test_a_compressed_file_that_breaks_off_is_named(tmp_path: Path) -> None:
    whole = gzip.compress("".join(f"q{n} 0 a 1\n" for n in range(500)).encode())
    (tmp_path / "a.qrels.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataSetError, match=r"a\.qrels\.gz: the file breaks off"):
        read_qrels(tmp_path / "a.qrels.gz")


def test_an_id_with_blanks_is_refused_and_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "run.txt"
    write_run(path, run({"q": ["a"]}))
    before = path.read_bytes()
    with pytest.raises(LabError, match="has blanks"):
        write_run(path, run({"q": ["a", "b c"]}))
    assert path.read_bytes() == before and [file.name for file in tmp_path.iterdir()] == ["run.txt"]


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LabError, match="cannot be written"):
        write_qrels(tmp_path / "file" / "qrels", {"q": {"a": 1}})
