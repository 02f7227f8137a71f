"""Measures: equal to trec_eval where it has them, and to the papers where it has not."""

from __future__ import annotations

import shutil
from pathlib import Path

import ir_measures
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st

from service.lab.judged import LabQuery, RankedList
from service.lab.lab_errors import JudgmentsMissing, LabError, UnknownMeasure
from service.lab.measures import evaluate, parse
from service.lab.trec import read_run
from tests.unit.service.lab.sets import dataset, run, write_lines

TREC = {
    "nDCG@5": "ndcg_cut_5",
    "nDCG": "ndcg",
    "RR": "recip_rank",
    "AP": "map",
    "AP@5": "map_cut_5",
    "P@5": "P_5",
    "R@5": "recall_5",
    "Success@1": "success_1",
    "Bpref": "bpref",
    "infAP": "infAP",
    "Rprec": "Rprec",
}
"""Our names and trec_eval's."""

DOCUMENTS = [f"d{number}" for number in range(12)]
Grades = dict[str, dict[str, int]]
Scored = dict[str, dict[str, float]]

judgments = st.dictionaries(
    st.sampled_from(["q1", "q2", "q3"]),
    st.dictionaries(st.sampled_from(DOCUMENTS), st.integers(-2, 3), min_size=1).filter(
        lambda grades: max(grades.values()) >= 0
    ),
    min_size=1,
)
# Few distinct scores, so that ties are common; documents and queries may lack judgments, and queries an answer.
rankings = st.dictionaries(
    st.sampled_from(["q1", "q2", "q3", "q4"]),
    st.dictionaries(st.sampled_from([*DOCUMENTS, "u1", "u2"]), st.sampled_from([0.1, 0.1 + 1e-12, 0.25, 1.5, -2.0])),
    min_size=1,
)


@settings(max_examples=60, deadline=None)
@given(judged=judgments, scored=rankings)
def test_values_equal_trec_eval_s(tmp_path_factory: pytest.TempPathFactory, judged: Grades, scored: Scored) -> None:
    if not judged.keys() & scored.keys():
        return
    rows = [f"{query} Q0 {id} 0 {score!r} t" for query, found in scored.items() for id, score in found.items()]
    read = read_run(write_lines(tmp_path_factory.getbasetemp() / "run.txt", *rows))
    if not judged.keys() & read.rankings.keys():
        return
    scores = evaluate(dataset(judged), read, list(TREC))
    answered = {query: found for query, found in scored.items() if found}
    expected = pytrec_eval.RelevanceEvaluator(judged, set(TREC.values())).evaluate(answered)
    for name, theirs in TREC.items():
        for query in judged:  # a query without an answer counts as 0, as with trec_eval -c
            value = expected[query][theirs] if query in expected else 0.0
            assert scores.values[name][query] == pytest.approx(value, abs=1e-9), (name, query)


def test_trec_eval_is_given_ranks_because_it_keeps_32_bits_of_a_score() -> None:
    # Scores that differ by less than a float's precision would be ordered by document id instead.
    ranked = run({"q": ["b", "a", "c"]})
    assert ranked.rankings["q"].scores == (3, 2, 1)
    assert evaluate(dataset({"q": {"b": 1, "c": 0}}), ranked, ["RR"]).mean("RR") == 1.0
    assert evaluate(dataset({"q": {"c": 1, "b": 0}}), ranked, ["RR"]).mean("RR") == pytest.approx(1 / 3)


def test_a_query_without_an_answer_counts_as_nothing_found() -> None:
    scores = evaluate(dataset({"q1": {"a": 1}, "q2": {"a": 1}}), run({"q1": ["a"], "q2": []}), ["RR", "mAP@5"])
    assert scores.values["RR"] == {"q1": 1.0, "q2": 0.0} and scores.values["mAP@5"] == {"q1": 1.0, "q2": 0.0}
    assert scores.mean("RR") == 0.5


def test_a_query_with_nothing_relevant_is_zero() -> None:
    scores = evaluate(dataset({"q": {"a": 0}}), run({"q": ["a"]}), ["nDCG@5", "AP", "R@5", "mAP@5", "RR"])
    assert {name: scores.mean(name) for name in scores.values} == dict.fromkeys(scores.values, 0.0)


@pytest.mark.parametrize(("cutoff", "value"), [(5, 1.0), (10, 1.0), (8, 1.0)])
def test_circo_divides_by_what_can_be_reached(cutoff: int, value: float) -> None:
    relevant = {f"r{number}": 1 for number in range(8)}
    ideal = run({"q": [*relevant, "x", "y"]})
    name = f"mAP@{cutoff}"
    assert evaluate(dataset({"q": relevant}), ideal, [name]).mean(name) == pytest.approx(value)


def test_circo_by_hand() -> None:
    """Eight are relevant; found at ranks 1, 3 and 4: (1/1 + 2/3 + 3/4) / 5 at a cut-off of 5."""
    relevant = {f"r{number}": 1 for number in range(8)}
    ranked = run({"q": ["r0", "x", "r1", "r2", "y", "r3"]})
    scores = evaluate(dataset({"q": relevant}), ranked, ["mAP@5", "mAP@10", "AP@5"])
    assert scores.mean("mAP@5") == pytest.approx((1 + 2 / 3 + 3 / 4) / 5)
    assert scores.mean("mAP@10") == pytest.approx((1 + 2 / 3 + 3 / 4 + 4 / 6) / 8)
    assert scores.mean("AP@5") == pytest.approx((1 + 2 / 3 + 3 / 4) / 8)


@settings(max_examples=40, deadline=None)
@given(judged=judgments, order=st.permutations(DOCUMENTS), cutoff=st.integers(1, 12))
def test_circo_s_measure_is_trec_eval_s_with_another_divisor(judged: Grades, order: list[str], cutoff: int) -> None:
    scores = evaluate(dataset(judged), run(dict.fromkeys(judged, order)), [f"mAP@{cutoff}", f"AP@{cutoff}"])
    for query, grades in judged.items():
        relevant = sum(grade > 0 for grade in grades.values())
        ours, theirs = (scores.values[f"{name}@{cutoff}"][query] for name in ("mAP", "AP"))
        assert ours * min(relevant, cutoff) == pytest.approx(theirs * relevant, abs=1e-9)
        assert 0 <= theirs <= ours + 1e-12 <= 1 + 1e-9


def test_excluded_documents_are_removed_before_measuring() -> None:
    judged = dataset({"q": {"a": 1, "ref": 0}}, [LabQuery("q", "text", excluded=frozenset({"ref"}))])
    assert evaluate(judged, run({"q": ["ref", "a"]}), ["RR", "mAP@1"]).mean("RR") == 1.0


def test_a_subset_measure_needs_subsets() -> None:
    with pytest.raises(LabError, match=r"R_subset@1 needs a data set whose queries have subsets"):
        evaluate(dataset({"q": {"a": 1}}), run({"q": ["a"]}), ["R_subset@1"])


def test_variations_of_a_topic_count_once_and_their_spread_is_kept() -> None:
    queries = [LabQuery(id, "text", topic="pair", tags=frozenset({"c:x"})) for id in ("q1", "q2")]
    judged = dataset({"q1": {"a": 1}, "q2": {"a": 1}, "q3": {"a": 1}}, queries)
    scores = evaluate(judged, run({"q1": ["a"], "q2": ["b", "a"], "q3": ["a"]}), ["RR"])
    assert scores.values["RR"] == {"pair": 0.75, "q3": 1.0} and scores.units == ("pair", "q3")
    assert scores.mean("RR") == pytest.approx(0.875) and scores.by_slice("RR", "c") == {"x": 0.75}
    assert scores.spread["RR"] == {"pair": 0.5}


def test_a_macro_average_weighs_categories_alike() -> None:
    tags = {"q1": "c:x", "q2": "c:y", "q3": "c:y", "q4": "other:z"}
    queries = [LabQuery(id, "text", tags=frozenset({tag})) for id, tag in tags.items()]
    judged = dataset({id: {"a": 1} for id in tags}, queries, macro="c")
    scores = evaluate(judged, run({"q1": ["a"], "q2": ["a"]}), ["RR"])
    assert list(scores.weights()) == pytest.approx([1 / 3, 1 / 6, 1 / 6, 1 / 3])  # q4 is a category of its own
    assert scores.mean("RR") == pytest.approx(0.5)
    assert scores.kinds() == ("c", "other")


def test_a_run_of_another_data_set_is_noticed() -> None:
    with pytest.raises(LabError, match="Is it a run of another data set"):
        evaluate(dataset({"q": {"a": 1}}), run({"other": ["a"]}), ["RR"])


def test_a_data_set_without_judgments_is_not_measured() -> None:
    with pytest.raises(JudgmentsMissing):
        evaluate(dataset(None), run({}))


@pytest.mark.parametrize("name", ["nDCG@10", "MRR", "RR@10", "R(rel=2)@5", "mAP@50", "R_subset@3"])
def test_names_are_kept(name: str) -> None:
    assert parse(name).name == name


@pytest.mark.parametrize(
    "name",
    ["", "nDCG@0", "nDCG@-1", "P", "mAP", "mAP@0", "mAP@999999", "R_subset@x", "NumRet", "quality", "1+1", "R@5.5"],
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(UnknownMeasure):
        parse(name)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=30))
def test_any_text_is_a_measure_or_refused(name: str) -> None:
    try:
        assert parse(name).name == name
    except UnknownMeasure as error:
        assert "nDCG@10" in error.detail or "too large" in error.detail


def test_a_ranking_holds_each_document_once() -> None:
    with pytest.raises(ValueError, match="ranked twice"):
        RankedList(("a", "b", "a"))


def test_negative_grades_mean_what_they_mean_to_trec_eval() -> None:
    """-1: not in the pool. d2 is then not among the judged documents that are not relevant."""
    judged = dataset({"q": {"d1": 1, "d2": -1, "d3": 0, "d4": 1}})
    scores = evaluate(judged, run({"q": ["d2", "d1", "d3", "d4"]}), ["Bpref", "infAP", "AP(judged_only=True)"])
    assert [scores.mean(name) for name in scores.values] == pytest.approx([0.5, 0.6875, (1 + 2 / 3) / 2])


@pytest.mark.parametrize("grade", [-1, -2, -1000])
def test_a_query_with_nothing_but_negative_grades_is_worth_nothing(grade: int) -> None:
    judged = dataset({"p": {"a": 3, "b": 1}, "q": {"a": grade, "b": grade}})
    scores = evaluate(judged, run({"p": ["a"], "q": ["a", "x", "b"]}), [*TREC, "Judged@3", "mAP@5"])
    assert all(scores.values[name]["q"] == 0 for name in TREC) and scores.values["nDCG"]["p"] > 0
    assert scores.values["Judged@3"]["q"] == pytest.approx(2 / 3)


def test_judged_rbp_and_err_by_hand() -> None:
    judged = dataset({"q": {"a": 3, "b": 0, "c": 1}})
    answer = run({"q": ["b", "a", "x", "c"]})
    by_hand = {
        "Judged@3": 2 / 3,
        "RBP(p=0.5,rel=1)": 0.5 * (0.5 + 0.125),
        "RBP(p=0.5)": 0.5 * (0.5 + 0.125 / 3),
        "RBP(p=0.5,rel=1)@2": 0.25,
        "ERR@2": 7 / 8 / 2,
        "ERR": 7 / 8 / 2 + (1 - 7 / 8) * (1 / 8) / 4,
    }
    scores = evaluate(judged, answer, list(by_hand))
    assert {name: scores.mean(name) for name in by_hand} == pytest.approx(by_hand)


def test_err_is_gdeval_s_on_grades_up_to_four(tmp_path: Path) -> None:
    """gdeval is the script of TREC's Web track, a Perl program that ir-measures ships; it takes 2^4 for granted."""
    if shutil.which("perl") is None:
        pytest.skip("gdeval needs perl")
    grades = {"1": {"a": 4, "b": 2, "c": 1, "d": 0}}
    theirs = ir_measures.gdeval.calc_aggregate([ir_measures.ERR @ 20], grades, {"1": {"c": 3.0, "b": 2.0, "a": 1.0}})
    ours = evaluate(dataset(grades), run({"1": ["c", "b", "a"]}), ["ERR@20"]).mean("ERR@20")
    assert ours == pytest.approx(theirs[ir_measures.ERR @ 20], abs=1e-5)


@pytest.mark.parametrize("name", ["RBP(p=1.0)", "RBP(p=0)@5", "ERR@0", "RBP(q=1)"])
def test_a_user_model_that_makes_no_sense_is_refused(name: str) -> None:
    with pytest.raises(UnknownMeasure):
        parse(name)
